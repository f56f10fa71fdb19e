import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.broadinstitute.hellbender.exceptions.UserException;

/**
 * Runs tools one after the other in one JVM, whose start takes longer than most of them. Reads a
 * command line per line, its arguments separated by tabs; answers each with a line: `ok`, or the
 * error.
 */
public class RunMany {

  public static void main(String[] none) throws IOException {
    var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      System.out.println("answer " + run(line.split("\t")).replace("\n", "\\n"));
      System.out.flush();
    }
    System.exit(0);
  }

  private static String run(String[] args) {
    String tmpDir = System.getProperty("java.io.tmpdir"); // which --tmp-dir changes
    try {
      new org.cnnscore.gatk.Main().instanceMain(args);
      return "ok";
    } catch (UserException error) {
      return "user error: " + error.getMessage();
    } catch (Throwable error) {
      error.printStackTrace();
      return "fault: " + error;
    } finally {
      System.setProperty("java.io.tmpdir", tmpDir);
    }
  }
}
