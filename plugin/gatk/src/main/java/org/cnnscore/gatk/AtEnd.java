package org.cnnscore.gatk;

import java.util.concurrent.CountDownLatch;

/** Does something once: when it is closed, or when the JVM ends before that (SIGTERM, Ctrl-C). */
final class AtEnd implements AutoCloseable {

  private final Runnable action;
  private final Thread hook;

  AtEnd(Runnable action) {
    this.action = action;
    hook = new Thread(action, "cnnscore-end");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  @Override
  public void close() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException jvmEnds) {
      return; // the hook does it
    }
    action.run();
  }

  /** For a thread that has lost what it works with to an action of the JVM's end: no news. */
  static void awaitEndOfJvm() {
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException stop) {
      Thread.currentThread().interrupt();
    }
  }
}
