package org.cnnscore.gatk;

import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.broadinstitute.hellbender.exceptions.UserException;
import org.cnnscore.v1.Description;

/**
 * Refuses a server's description that makes no sense: 0 is what a message says that lacks a field,
 * and texts go into header lines as they are. The rules of cnnscore/description.py.
 */
final class DescriptionCheck {

  /** What makes an INFO key. */
  static final Pattern INFO_KEY = Pattern.compile("[A-Za-z_][0-9A-Za-z_.]*");

  /** Whence annotations come; an older server does not say. */
  private static final Set<String> SOURCES = Set.of("", "caller", "reads", "fill");

  private static final Set<String> PRECISIONS = Set.of("", "exact", "bf16");

  private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]*");

  /** Columns, reads, sites and annotations that no network comes near. */
  private static final long MOST = 1 << 16;

  private static final long MOST_SITES = 1 << 20;
  private static final int MOST_ANNOTATIONS = 1 << 10;

  private final EngineAddress address;
  private final Description network;

  DescriptionCheck(EngineAddress address, Description network) {
    this.address = address;
    this.network = network;
  }

  void check() {
    boolean readsCount =
        NetworkReadFilter.rule(network.getReadRule()) != NetworkReadFilter.Rule.none;
    int width = network.getReferenceWidth();
    checkRange("window", network.getWindow(), 1, MOST);
    checkRange("read_limit", network.getReadLimit(), readsCount ? 1 : 0, MOST);
    checkRange("reference_width", width, 1, MOST);
    checkRange("reference_left", network.getReferenceLeft(), 0, width - 1L);
    checkRange("sites_per_job", network.getSitesPerJob(), 1, MOST_SITES);
    checkRange("max_in_flight", network.getMaxInFlight(), 1, Long.MAX_VALUE);
    checkRange("max_message_bytes", network.getMaxMessageBytes(), 1, Long.MAX_VALUE);
    checkRange("count of annotations", network.getAnnotationsCount(), 0, MOST_ANNOTATIONS);
    network.getAnnotationsList().forEach(key -> checkText("annotation", key, isKey(key)));
    checkText("info_key", network.getInfoKey(), isKey(network.getInfoKey()));
    checkText("network", network.getNetwork(), SHA_256.matcher(network.getNetwork()).matches());
    checkText("model", network.getModel(), isName(network.getModel()));
    checkText("encoding", network.getEncoding(), isName(network.getEncoding()));
    checkText(
        "info_description",
        network.getInfoDescription(),
        isPrintable(network.getInfoDescription()));
    checkText("provider", network.getProvider(), isPrintable(network.getProvider()));
    checkText(
        "annotations_from",
        network.getAnnotationsFrom(),
        SOURCES.contains(network.getAnnotationsFrom()));
    checkText("precision", network.getPrecision(), PRECISIONS.contains(network.getPrecision()));
    checkText("cutoffs", network.getCutoffs(), isPrintable(network.getCutoffs()));
    checkText(
        "server_version", network.getServerVersion(), isPrintable(network.getServerVersion()));
  }

  /** Refuses a key of --info-key that cannot be one; null is none. */
  static void checkKey(String given) {
    if (given != null && !isKey(given)) {
      throw new UserException.BadInput(
          "'" + given + "' cannot be an INFO key: letters, digits, _ and . make one");
    }
  }

  private static boolean isKey(String text) {
    return INFO_KEY.matcher(text).matches();
  }

  private static boolean isName(String text) {
    return !text.isEmpty() && isPrintable(text);
  }

  /** Within quotes, on one line. */
  private static boolean isPrintable(String text) {
    IntStream letters = text.codePoints();
    return letters.noneMatch(
        letter ->
            letter == '"'
                || Character.isISOControl(letter)
                || Character.getType(letter) == Character.LINE_SEPARATOR
                || Character.getType(letter) == Character.PARAGRAPH_SEPARATOR);
  }

  private void checkRange(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw fault(String.format("%s is %d, not %d to %d", name, value, least, most));
    }
  }

  private void checkText(String name, String value, boolean isGood) {
    if (!isGood) {
      throw fault(String.format("%s is '%s'", name, value.replaceAll("\\p{Cntrl}", "?")));
    }
  }

  private UserException fault(String what) {
    return new UserException(
        String.format(
            "the server at %s describes its network in a way that makes no sense: %s; is it a"
                + " cnnscore server of this version?",
            address, what));
  }
}
