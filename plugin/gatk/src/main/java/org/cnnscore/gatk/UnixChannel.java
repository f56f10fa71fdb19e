package org.cnnscore.gatk;

import io.grpc.netty.shaded.io.netty.buffer.ByteBuf;
import io.grpc.netty.shaded.io.netty.channel.ChannelConfig;
import io.grpc.netty.shaded.io.netty.channel.ChannelFuture;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.DefaultChannelConfig;
import io.grpc.netty.shaded.io.netty.channel.FileRegion;
import io.grpc.netty.shaded.io.netty.channel.RecvByteBufAllocator;
import io.grpc.netty.shaded.io.netty.channel.nio.AbstractNioByteChannel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/**
 * Netty's channel over a Unix socket of Java's own. The netty in GATK has such channels only in
 * native libraries, which it unpacks into --tmp-dir: a folder that may be full, or forbid that
 * anything in it is executed.
 */
public final class UnixChannel extends AbstractNioByteChannel {

  /** gRPC sets TCP's SO_KEEPALIVE on every channel; a Unix socket needs none. */
  private static final class Config extends DefaultChannelConfig {
    Config(UnixChannel channel) {
      super(channel);
    }

    @Override
    public <T> boolean setOption(ChannelOption<T> option, T value) {
      return option.equals(ChannelOption.SO_KEEPALIVE) || super.setOption(option, value);
    }
  }

  /** Of a socket's path, in bytes: Java's limit, one below the system's. */
  static final int MAX_PATH = 106;

  private final ChannelConfig config = new Config(this);

  /** Netty makes one for each connection. */
  public UnixChannel() {
    super(null, open());
  }

  /** Whether a socket can have this path. */
  static boolean takes(String path) {
    return path.getBytes(StandardCharsets.UTF_8).length <= MAX_PATH;
  }

  private static SocketChannel open() {
    try {
      return SocketChannel.open(StandardProtocolFamily.UNIX);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private SocketChannel socket() {
    return (SocketChannel) javaChannel();
  }

  @Override
  public ChannelConfig config() {
    return config;
  }

  @Override
  public boolean isActive() {
    return socket().isOpen() && socket().isConnected();
  }

  @Override
  protected boolean doConnect(SocketAddress remote, SocketAddress local) throws IOException {
    boolean connected = socket().connect(remote);
    if (!connected) {
      selectionKey().interestOps(SelectionKey.OP_CONNECT);
    }
    return connected;
  }

  @Override
  protected void doFinishConnect() throws IOException {
    if (!socket().finishConnect()) {
      throw new IllegalStateException("connected, and not connected");
    }
  }

  @Override
  protected int doReadBytes(ByteBuf into) throws IOException {
    RecvByteBufAllocator.Handle handle = unsafe().recvBufAllocHandle();
    handle.attemptedBytesRead(into.writableBytes());
    return into.writeBytes(socket(), handle.attemptedBytesRead());
  }

  @Override
  protected int doWriteBytes(ByteBuf from) throws IOException {
    return from.readBytes(socket(), from.readableBytes());
  }

  @Override
  protected long doWriteFileRegion(FileRegion region) throws IOException {
    return region.transferTo(socket(), region.transferred());
  }

  @Override
  protected ChannelFuture shutdownInput() {
    try {
      socket().shutdownInput();
      return newSucceededFuture();
    } catch (IOException error) {
      return newFailedFuture(error);
    }
  }

  @Override
  protected void doClose() throws Exception {
    super.doClose();
    socket().close();
  }

  @Override
  protected void doDisconnect() throws Exception {
    doClose();
  }

  @Override
  protected void doBind(SocketAddress address) {
    throw new UnsupportedOperationException("a client's channel listens nowhere");
  }

  @Override
  protected SocketAddress localAddress0() {
    try {
      return socket().getLocalAddress();
    } catch (IOException closed) {
      return null;
    }
  }

  @Override
  protected SocketAddress remoteAddress0() {
    try {
      return socket().getRemoteAddress();
    } catch (IOException closed) {
      return null;
    }
  }
}
