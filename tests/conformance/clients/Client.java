// Java's clients of the matrix: see matrix.py for what each word asks.
// java -cp JARS Client.java apache|jdk|okhttp STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.Set;
import java.util.StringJoiner;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

public class Client {
  interface Caller {
    String call(String method, String path, byte[] body, boolean sized, int wanted) throws Exception;
  }

  static final Map<String, String> PATHS = Map.of("get", "/page", "post", "/echo", "chunked", "/echo",
      "empty", "/echo", "refused", "/refuse", "denied", "/denied", "drip", "/drip", "ends", "/ends");
  static final Map<String, Integer> WANTED = Map.of("get", 1024, "post", 1024, "chunked", 1024,
      "empty", 0, "drip", 100_000, "ends", 1024);

  static X509TrustManager trust;
  static SSLContext tls;

  static void trust(String ca) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (InputStream file = Files.newInputStream(Path.of(ca))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(store);
    trust = (X509TrustManager) factory.getTrustManagers()[0];
    tls = SSLContext.getInstance("TLS");
    tls.init(null, factory.getTrustManagers(), null);
  }

  static String judge(int status, long got, int wanted) {
    return wanted < 0 || got == wanted ? "" + status : status + " with " + got + " bytes";
  }

  static Caller apache(String base) throws Exception {
    var manager = org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder.create()
        .setMaxConnTotal(64).setMaxConnPerRoute(64);
    if (tls != null) {
      manager.setTlsSocketStrategy(new org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy(tls));
    }
    var client = org.apache.hc.client5.http.impl.classic.HttpClients.custom()
        .setConnectionManager(manager.build()).disableAutomaticRetries().build();
    return (method, path, body, sized, wanted) -> {
      var request = new org.apache.hc.client5.http.classic.methods.HttpUriRequestBase(method, URI.create(base + path));
      if (body != null) {
        var entity = new org.apache.hc.core5.http.io.entity.InputStreamEntity(
            new java.io.ByteArrayInputStream(body), sized ? body.length : -1,
            org.apache.hc.core5.http.ContentType.TEXT_PLAIN);
        request.setEntity(entity);
      }
      return client.execute(request, answer -> {
        byte[] all = org.apache.hc.core5.http.io.entity.EntityUtils.toByteArray(answer.getEntity());
        return judge(answer.getCode(), all == null ? 0 : all.length, wanted);
      });
    };
  }

  static Caller jdk(String base, String version) {
    var builder = java.net.http.HttpClient.newBuilder().version(version.equals("h2")
        ? java.net.http.HttpClient.Version.HTTP_2 : java.net.http.HttpClient.Version.HTTP_1_1);
    if (tls != null) builder.sslContext(tls);
    var client = builder.build();
    return (method, path, body, sized, wanted) -> {
      var publisher = body == null ? java.net.http.HttpRequest.BodyPublishers.noBody()
          : sized ? java.net.http.HttpRequest.BodyPublishers.ofByteArray(body)
                  : java.net.http.HttpRequest.BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream(body));
      var request = java.net.http.HttpRequest.newBuilder(URI.create(base + path)).method(method, publisher).build();
      var answer = client.send(request, java.net.http.HttpResponse.BodyHandlers.ofByteArray());
      return judge(answer.statusCode(), answer.body().length, wanted);
    };
  }

  static Caller okhttp(String base, String version) {
    var builder = new okhttp3.OkHttpClient.Builder().retryOnConnectionFailure(false)
        .connectionPool(new okhttp3.ConnectionPool(64, 1, TimeUnit.MINUTES));
    if (tls != null) {
      builder.sslSocketFactory(tls.getSocketFactory(), trust);
      if (version.equals("h1")) builder.protocols(java.util.List.of(okhttp3.Protocol.HTTP_1_1));
    } else {
      builder.protocols(java.util.List.of(version.equals("h2")
          ? okhttp3.Protocol.H2_PRIOR_KNOWLEDGE : okhttp3.Protocol.HTTP_1_1));
    }
    var client = builder.build();
    return (method, path, body, sized, wanted) -> {
      okhttp3.RequestBody sent = null;
      if (method.equals("POST")) {
        byte[] bytes = body == null ? new byte[0] : body;
        sent = sized || body == null ? okhttp3.RequestBody.create(bytes) : new okhttp3.RequestBody() {
          public okhttp3.MediaType contentType() { return null; }
          public void writeTo(okio.BufferedSink sink) throws java.io.IOException { sink.write(bytes); }
        };
      }
      try (var answer = client.newCall(new okhttp3.Request.Builder().url(base + path).method(method, sent).build()).execute()) {
        return judge(answer.code(), answer.body().bytes().length, wanted);
      }
    };
  }

  static String tell(Caller caller, String story, int calls, int atOnce) throws Exception {
    boolean posts = Set.of("post", "chunked", "empty", "refused", "denied").contains(story);
    byte[] body = switch (story) {
      case "post", "chunked", "denied" -> new byte[1024];
      case "refused" -> new byte[4 << 20];
      default -> null;
    };
    boolean sized = !story.equals("chunked") && !story.equals("denied");
    Map<String, AtomicInteger> outcomes = new ConcurrentHashMap<>();
    var pool = Executors.newFixedThreadPool(atOnce);
    for (int i = 0; i < calls; i++) {
      pool.execute(() -> {
        String word;
        try {
          word = caller.call(posts ? "POST" : "GET", PATHS.get(story), body, sized,
              WANTED.getOrDefault(story, -1));
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

  public static void main(String[] args) throws Exception {
    String base = args[2];
    int atOnce = Integer.parseInt(args[3]);
    if (args.length > 5) trust(args[5]);
    Caller caller = switch (args[0]) {
      case "apache" -> apache(base);
      case "jdk" -> jdk(base, args[4]);
      default -> okhttp(base, args[4]);
    };
    var told = new StringJoiner(", ", "{", "}");
    for (String part : args[1].split(",")) {
      String[] story = part.split(":");
      told.add('"' + story[0] + "\": " + tell(caller, story[0], Integer.parseInt(story[1]), atOnce));
    }
    System.out.println(told);
    System.exit(0);
  }
}
