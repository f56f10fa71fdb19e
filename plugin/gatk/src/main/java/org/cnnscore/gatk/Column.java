package org.cnnscore.gatk;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A column of a window batch: an array's memory, little-endian, that grows. */
final class Column {

  private ByteBuffer bytes = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);

  int size() {
    return bytes.position();
  }

  Column putByte(int value) {
    reserve(Byte.BYTES).put((byte) value);
    return this;
  }

  Column putInt(int value) {
    reserve(Integer.BYTES).putInt(value);
    return this;
  }

  Column putLong(long value) {
    reserve(Long.BYTES).putLong(value);
    return this;
  }

  Column putFloat(float value) {
    reserve(Float.BYTES).putFloat(value);
    return this;
  }

  Column put(byte[] values) {
    reserve(values.length).put(values);
    return this;
  }

  /** The memory behind the column; valid until the next put. */
  byte[] array() {
    return bytes.array();
  }

  /** What was put, without a copy: put nothing more. */
  ByteString toBytes() {
    return UnsafeByteOperations.unsafeWrap(bytes.array(), 0, bytes.position());
  }

  private ByteBuffer reserve(int size) {
    if (bytes.remaining() < size) {
      int wanted = Math.addExact(bytes.position(), size);
      ByteBuffer grown = ByteBuffer.allocate(Math.addExact(wanted, wanted / 2));
      bytes = grown.order(ByteOrder.LITTLE_ENDIAN).put(bytes.flip());
    }
    return bytes;
  }
}
