package org.cnnscore.gatk;

/**
 * A read as {@link BamRecords} encodes it. A long one is looked through once, at its first site.
 */
final class ReadRecord {

  private final byte[] bytes;
  private LongRead found;

  ReadRecord(byte[] bytes) {
    this.bytes = bytes;
  }

  /** The whole record. */
  byte[] bytes() {
    return bytes;
  }

  /** What cutting asks of it. */
  LongRead lookedThrough() {
    if (found == null) {
      found = new LongRead(bytes);
    }
    return found;
  }
}
