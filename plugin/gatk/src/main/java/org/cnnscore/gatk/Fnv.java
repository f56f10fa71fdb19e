package org.cnnscore.gatk;

/** FNV-1a in 64 bits, mixed at the end, as in native/window. */
final class Fnv {

  /** The hash of nothing. */
  static final long BASIS = 0xcbf29ce484222325L;

  private Fnv() {}

  /** The hash with one more byte. */
  static long add(long hash, int octet) {
    return (hash ^ (octet & 0xff)) * 0x100000001b3L;
  }

  /** Spreads what differs over all bits. */
  static long mix(long hash) {
    long mixed = (hash ^ hash >>> 30) * 0xBF58476D1CE4E5B9L;
    return mixed ^ mixed >>> 31;
  }
}
