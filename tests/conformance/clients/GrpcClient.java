// grpc-java as a client of the matrix: see grpc_clients.py for what each word asks.
// GrpcClient netty|okhttp STORY:CALLS,... BASE AT_ONCE h2 [CA]
import io.grpc.CallOptions;
import io.grpc.ChannelCredentials;
import io.grpc.ClientCall;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.TlsChannelCredentials;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

public class GrpcClient {
  static final byte[] SMALL = new byte[100];
  static final byte[] LARGE = new byte[256 * 1024];
  static final int MESSAGES = 2000, TURNS = 100;
  static final Metadata.Key<String> ID =
      Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);

  static final MethodDescriptor.Marshaller<byte[]> RAW = new MethodDescriptor.Marshaller<>() {
    @Override public InputStream stream(byte[] value) { return new ByteArrayInputStream(value); }
    @Override public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  };

  /** One call: what it sends is said by what it is, and it waits for its end. */
  static class Call extends ClientCall.Listener<byte[]> {
    final ClientCall<byte[], byte[]> call;
    final CountDownLatch closed = new CountDownLatch(1);
    final int turns;
    final int pause_ms;
    int got;
    byte[] last;
    Status status;
    Metadata trailers;

    Call(ManagedChannel channel, String method, CallOptions options, int turns, int pause_ms) {
      var descriptor = MethodDescriptor.<byte[], byte[]>newBuilder()
          .setType(MethodDescriptor.MethodType.BIDI_STREAMING)
          .setFullMethodName("matrix.Matrix/" + method)
          .setRequestMarshaller(RAW).setResponseMarshaller(RAW).build();
      this.turns = turns;
      this.pause_ms = pause_ms;
      call = channel.newCall(descriptor, options);
      call.start(this, new Metadata());
      call.request(pause_ms > 0 ? 1 : Integer.MAX_VALUE);
    }

    @Override public void onMessage(byte[] message) {
      got += 1;
      last = message;
      if (got < turns) call.sendMessage(SMALL);
      if (got == turns) call.halfClose();
      if (pause_ms > 0) {
        try {
          Thread.sleep(pause_ms);
        } catch (InterruptedException error) {
          throw new IllegalStateException(error);
        }
        call.request(1);
      }
    }

    @Override public void onClose(Status ended, Metadata with) {
      status = ended;
      trailers = with;
      closed.countDown();
    }

    Call await() throws InterruptedException {
      closed.await();
      return this;
    }

    String judge(boolean fine) {
      return !status.isOk() ? "error: " + status.getCode() : fine ? "ok" : "ok with other messages";
    }
  }

  static ManagedChannel channel;

  static Call begin(String method, byte[] sent, int count, CallOptions options, int pause_ms) {
    Call call = new Call(channel, method, options, 0, pause_ms);
    for (int i = 0; i < count; i++) call.call.sendMessage(sent);
    call.call.halfClose();
    return call;
  }

  static CallOptions within(long ms) {
    return CallOptions.DEFAULT.withDeadlineAfter(ms, TimeUnit.MILLISECONDS);
  }

  static String down(String method, int wanted, CallOptions options, int pause_ms) throws Exception {
    Call call = begin(method, SMALL, 1, options, pause_ms).await();
    return call.judge(call.got == wanted);
  }

  static String echo(byte[] sent) throws Exception {
    Call call = begin("Echo", sent, 1, within(60_000), 0).await();
    return call.judge(call.got == 1 && call.last.length == sent.length);
  }

  static String up() throws Exception {
    Call call = begin("Up", SMALL, MESSAGES, within(60_000), 0).await();
    return call.judge(call.got == 1 && ByteBuffer.wrap(call.last).getInt() == MESSAGES);
  }

  static String both() throws Exception {
    Call call = new Call(channel, "Both", within(60_000), TURNS, 0);
    call.call.sendMessage(SMALL);
    return call.await().judge(call.got == TURNS);
  }

  static String fail() throws Exception {
    Call call = begin("Fail", SMALL, 1, within(60_000), 0).await();
    if (call.status.getCode() != Status.Code.FAILED_PRECONDITION) return call.judge(false);
    return "as it should: ü".equals(call.status.getDescription())
        && "of-the-trailer".equals(call.trailers.get(ID)) ? "told" : "told too little";
  }

  static String given_up() throws Exception {
    Call call = begin("Never", SMALL, 1, CallOptions.DEFAULT, 0);
    Thread.sleep(20);
    call.call.cancel("given up", null);
    return "" + call.await().status.getCode();
  }

  static String call(String story, int number) throws Exception {
    if (story.equals("cancel") && number % 8 == 0) return given_up();
    return switch (story) {
      case "down" -> down("Down", MESSAGES, within(60_000), 0);
      case "slow" -> down("Slow", 64, within(60_000), 20);
      case "watch" -> down("Watch", 1, CallOptions.DEFAULT, 0);
      case "late" -> down("Late", 1, CallOptions.DEFAULT, 0);
      case "deadline" -> "" + begin("Never", SMALL, 1, within(50), 0).await().status.getCode();
      case "up" -> up();
      case "both" -> both();
      case "fail" -> fail();
      case "large" -> echo(LARGE);
      default -> echo(SMALL);
    };
  }

  public static void main(String[] args) throws Exception {
    String address = args[2].substring(args[2].indexOf("://") + 3);
    ChannelCredentials trust = args.length > 5
        ? TlsChannelCredentials.newBuilder().trustManager(new File(args[5])).build()
        : InsecureChannelCredentials.create();
    channel = args[0].equals("okhttp")
        ? io.grpc.okhttp.OkHttpChannelBuilder.forTarget(address, trust).build()
        : io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder.forTarget(address, trust).build();
    Told.tell(args, GrpcClient::call);
  }
}
