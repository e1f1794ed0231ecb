// A learner of MOA over a stream in memory, test then train, beside ours (bench/peers/run).
//
//   java -cp 'libs/*' MoaPeer.java ROWS.csv STREAM LEARNER "MOA learner and its options" [RUNS]
//
// ROWS.csv is what `learners STREAM rows` prints. Prints a line of JSON. Speed is processor time of
// this thread, of the fastest of RUNS passes: the first one runs code that is not compiled yet.
// Memory is what the heap holds less without the learner; state what its serialised form takes.
import com.yahoo.labs.samoa.instances.Attribute;
import com.yahoo.labs.samoa.instances.DenseInstance;
import com.yahoo.labs.samoa.instances.Instance;
import com.yahoo.labs.samoa.instances.Instances;
import com.yahoo.labs.samoa.instances.InstancesHeader;
import java.io.ByteArrayOutputStream;
import java.io.ObjectOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import moa.classifiers.Classifier;
import moa.options.ClassOption;

public class MoaPeer {
  static List<Instance> rows = new ArrayList<>();
  static InstancesHeader header;
  static boolean regression;

  static void read(String path) throws Exception {
    List<String> lines = Files.readAllLines(Path.of(path));
    String[] names = lines.get(0).split(",", -1);
    String[] categories = lines.get(1).split(",", -1);
    List<Attribute> attributes = new ArrayList<>();
    for (int c = 0; c < names.length; ++c) {
      int count = Integer.parseInt(categories[c]);
      List<String> values = new ArrayList<>();
      for (int v = 0; v < count; ++v) values.add("v" + v);
      attributes.add(count == 0 ? new Attribute(names[c]) : new Attribute(names[c], values));
    }
    regression = categories[names.length - 1].equals("0");
    header = new InstancesHeader(new Instances("stream", attributes, 0));
    header.setClassIndex(names.length - 1);
    for (String line : lines.subList(2, lines.size())) {
      String[] cells = line.split(",", -1);
      Instance row = new DenseInstance(cells.length);
      row.setDataset(header);
      for (int c = 0; c < cells.length; ++c) {
        row.setValue(c, cells[c].isEmpty() ? Double.NaN : Double.parseDouble(cells[c]));
      }
      rows.add(row);
    }
  }

  static long heap() throws Exception {
    for (int i = 0; i < 3; ++i) {
      System.gc();
      Thread.sleep(50);
    }
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }

  public static void main(String[] args) throws Exception {
    Locale.setDefault(Locale.ROOT);
    read(args[0]);
    int runs = args.length > 4 ? Integer.parseInt(args[4]) : 2;
    double right = 0, loss = 0, same = 0, squares = 0, absolute = 0, seconds = 1e300;
    Classifier learner = null;
    for (int run = 0; run < runs; ++run) {
      learner = (Classifier) ClassOption.cliStringToObject(args[3], Classifier.class, null);
      learner.setModelContext(header);
      learner.prepareForUse();
      right = loss = same = squares = absolute = 0;
      double last = 0;
      long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
      for (Instance row : rows) {
        double target = row.classValue();
        double[] votes = learner.getVotesForInstance(row);
        if (regression) {
          double error = (votes.length > 0 ? votes[0] : 0) - target;
          squares += error * error;
          absolute += Math.abs(error);
        } else {
          int best = 0;
          double sum = 0;
          for (int i = 0; i < votes.length; ++i) {
            sum += votes[i];
            if (votes[i] > votes[best]) best = i;
          }
          double p = (int) target < votes.length && sum > 0 ? votes[(int) target] / sum : 0;
          if (Double.isNaN(p)) p = 0; // Votes without bound.
          right += best == (int) target ? 1 : 0;
          loss -= Math.log(Math.min(Math.max(p, 1e-15), 1 - 1e-15));
        }
        same += target == last ? 1 : 0;
        last = target;
        learner.trainOnInstance(row);
      }
      long taken = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start;
      seconds = Math.min(seconds, 1e-9 * taken);
    }
    long state = 0;
    try {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      new ObjectOutputStream(bytes).writeObject(learner);
      state = bytes.size();
    } catch (Exception | StackOverflowError e) {
      System.err.println(args[3] + " cannot be serialised: " + e);
    }
    long memory = heap();
    learner = null;
    memory -= heap();
    double n = rows.size();
    String figures =
        regression
            ? String.format("\"rmse\":%.6g,\"mae\":%.6g", Math.sqrt(squares / n), absolute / n)
            : String.format(
                "\"accuracy\":%.6f,\"kappa_t\":%.6f,\"log_loss\":%.6f",
                right / n, (right / n - same / n) / (1 - same / n), loss / n);
    System.out.printf(
        "{\"peer\":\"MOA\",\"stream\":\"%s\",\"learner\":\"%s\",%s,\"rows_per_second\":%.0f,"
            + "\"memory\":%d,\"state\":%d}%n",
        args[1], args[2], figures, n / seconds, Math.max(0, memory), state);
    System.exit(0);
  }
}
