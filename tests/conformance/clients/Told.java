// What Java's clients of the matrix have in common: the calls of each story, and what they came to.
// PROGRAM WHICH STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

class Told {
  /** Makes the call of that number of a story, and says in a word what it came to. */
  interface Caller {
    String call(String story, int number) throws Exception;
  }

  static void tell(String[] args, Caller caller) throws Exception {
    int atOnce = Integer.parseInt(args[3]);
    var told = new StringJoiner(", ", "{", "}");
    for (String part : args[1].split(",")) {
      String[] story = part.split(":");
      told.add('"' + story[0] + "\": " + tell(caller, story[0], Integer.parseInt(story[1]), atOnce));
    }
    System.out.println(told);
    System.exit(0);
  }

  private static String tell(Caller caller, String story, int calls, int atOnce) throws Exception {
    Map<String, AtomicInteger> outcomes = new ConcurrentHashMap<>();
    var pool = Executors.newFixedThreadPool(atOnce);
    for (int i = 0; i < calls; i++) {
      int number = i;
      pool.execute(() -> {
        String word;
        try {
          if (story.equals("restart") || story.equals("race")) Thread.sleep(15 + number % 11);
          word = caller.call(story, number);
        } catch (Exception error) {
          word = "error: " + error.getClass().getSimpleName();
        }
        outcomes.computeIfAbsent(word, w -> new AtomicInteger()).incrementAndGet();
      });
    }
    pool.shutdown();
    pool.awaitTermination(5, TimeUnit.MINUTES);
    return outcomes.entrySet().stream()
        .map(outcome -> '"' + outcome.getKey() + "\": " + outcome.getValue())
        .collect(Collectors.joining(", ", "{", "}"));
  }
}
