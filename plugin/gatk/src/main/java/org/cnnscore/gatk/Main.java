package org.cnnscore.gatk;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.broadinstitute.hellbender.utils.runtime.RuntimeUtils;

/** GATK with one more tool. All else is GATK's own: its tools, its help, its exit codes. */
public class Main extends org.broadinstitute.hellbender.Main {

  private static final String TOOL = CnnScoreVariants.class.getSimpleName();

  /** GATK's tool up to 4.6.0.0; command lines that still name it get ours where it is gone. */
  private static final String OLD_TOOL = "CNNScoreVariants";

  private static final String OLD_CLASS =
      "org.broadinstitute.hellbender.tools.walkers.vqsr." + OLD_TOOL;

  @Override
  protected List<String> getPackageList() {
    List<String> packages = new ArrayList<>(super.getPackageList());
    packages.add(Main.class.getPackageName());
    return packages;
  }

  @Override
  protected void printVersionInfo(PrintStream out) {
    out.println(
        "The Genome Analysis Toolkit (GATK) v"
            + RuntimeUtils.getVersion(org.broadinstitute.hellbender.Main.class));
    out.println("cnnscore v" + RuntimeUtils.getVersion(Main.class));
  }

  public static void main(String[] args) {
    new Main().mainEntry(withToolOfToday(args));
  }

  static String[] withToolOfToday(String[] args) {
    if (args.length == 0 || !args[0].equals(OLD_TOOL) || gatkHasOldTool()) {
      return args;
    }
    System.err.println("This GATK has no " + OLD_TOOL + " any more; running cnnscore's " + TOOL);
    String[] today = Arrays.copyOf(args, args.length);
    today[0] = TOOL;
    return today;
  }

  private static boolean gatkHasOldTool() {
    try {
      Class.forName(OLD_CLASS, false, Main.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException gone) {
      return false;
    }
  }
}
