package org.cnnscore.gatk;

import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NegotiationType;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.nio.NioEventLoopGroup;
import java.io.File;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * Where a scoring server listens: {@code unix:PATH} or {@code tcp:HOST:PORT}. TCP is TLS with a
 * token, except to this machine without a token.
 */
final class EngineAddress implements AutoCloseable {

  private static final Pattern TCP = Pattern.compile("tcp:(\\[[^\\]]+\\]|[^:]+):(\\d{1,5})");
  private static final Pattern LOOPBACK =
      Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1\\]");
  private static final String UNIX = "unix:";
  private static final int MAX_PORT = 65535;

  private final String text;
  private final File certificates;
  private final boolean plain;
  private NioEventLoopGroup threads;

  /**
   * @param hasToken whether the client has a token to show
   * @param certificates to trust (PEM), null for the system's
   */
  EngineAddress(String text, boolean hasToken, File certificates) {
    Matcher tcp = TCP.matcher(text);
    if (!text.startsWith(UNIX) && !(tcp.matches() && Integer.parseInt(tcp.group(2)) <= MAX_PORT)) {
      throw new UserException.BadInput(
          "the server's address is unix:PATH or tcp:HOST:PORT, not " + text);
    }
    if (text.startsWith(UNIX) && !UnixChannel.takes(text.substring(UNIX.length()))) {
      throw new UserException.BadInput(
          text
              + " is too long for a socket of Java's (over "
              + UnixChannel.MAX_PATH
              + " bytes): choose a shorter path");
    }
    this.text = text;
    this.certificates = certificates;
    plain = text.startsWith(UNIX) || (!hasToken && LOOPBACK.matcher(tcp.group(1)).matches());
    if (!plain && !hasToken) {
      throw new UserException.BadInput(
          "a server at " + text + " wants a token: name its file with --token-file");
    }
  }

  /** What a token's file holds; null without one. */
  static String token(File file) {
    if (file == null) {
      return null;
    }
    try {
      return Files.readString(file.toPath()).strip();
    } catch (IOException error) {
      throw new UserException.CouldNotReadInputFile(file.toPath(), error.getMessage(), error);
    }
  }

  @Override
  public String toString() {
    return text;
  }

  /** A channel to it; close this when the channel is shut down. */
  ManagedChannel open() {
    return text.startsWith(UNIX) ? openUnix(text.substring(UNIX.length())) : openTcp();
  }

  private ManagedChannel openUnix(String path) {
    threads = new NioEventLoopGroup(1);
    return NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(path))
        .eventLoopGroup(threads)
        .channelType(UnixChannel.class)
        .overrideAuthority("localhost")
        .negotiationType(NegotiationType.PLAINTEXT)
        .build();
  }

  private ManagedChannel openTcp() {
    Matcher parts = TCP.matcher(text);
    parts.matches();
    NettyChannelBuilder builder =
        NettyChannelBuilder.forAddress(
            parts.group(1).replaceAll("[\\[\\]]", ""), Integer.parseInt(parts.group(2)));
    if (plain) {
      return builder.negotiationType(NegotiationType.PLAINTEXT).build();
    }
    try {
      var ssl = GrpcSslContexts.forClient();
      if (certificates != null) {
        ssl = ssl.trustManager(certificates);
      }
      return builder.sslContext(ssl.build()).build();
    } catch (SSLException | IllegalArgumentException error) {
      throw new UserException.BadInput(
          "cannot use the certificates " + certificates + ": " + error.getMessage(), error);
    }
  }

  @Override
  public void close() {
    if (threads != null) {
      threads.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }
}
