#include <array>
#include <deque>
#include <memory>

#include "tests/support/pipe_network.hpp"

namespace outrigger::testing {
namespace {

class PipeStream;

// What happens to one direction, from a writing end to a reading one.
struct Direction {
  struct Segment {
    int64_t due_ms;
    uint64_t sent_at;  // VirtualLoop::moment()
    std::string bytes;
  };
  std::string tail;             // written, not yet taken by the kernel
  std::deque<Segment> wire;     // on the way
  std::string arrived;          // at the reader, not yet read
  uint64_t oldest_sent_at = 0;  // of these
  size_t wire_bytes = 0;
  uint64_t total_arrived = 0;
  bool finishing = false;  // the writer has finished; its FIN follows the tail
  std::optional<int64_t> fin_due_ms;
  std::optional<int64_t> reset_due_ms;  // a reset travels behind what is on the wire
  bool reader_gone = false;
};

// Shared by both ends; ends[i] writes into ways[i] and reads from ways[1 - i].
struct Pipe {
  Pipe(VirtualLoop& on, const PipeOptions& how) : loop(on), options(how) {}

  VirtualLoop& loop;
  PipeOptions options;
  std::array<PipeStream*, 2> ends{};
  std::array<Direction, 2> ways;

  size_t room(int from) const {
    const Direction& way = ways[from];
    const size_t used = way.wire_bytes + way.arrived.size();
    return used >= options.kernel_bytes ? 0 : options.kernel_bytes - used;
  }
  int64_t arrival_ms() const { return loop.now_ms() + options.latency_ms; }
  void wake_reader_of(int way);
  void wake_writer_of(int way);
  void reset(int way) {
    ways[way].reset_due_ms = arrival_ms();
    wake_reader_of(way);
  }
};

class PipeStream final : public io::Stream {
 public:
  PipeStream(std::shared_ptr<Pipe> pipe, int end, const Address& peer,
             std::optional<Address> original = {})
      : x_pipe(std::move(pipe)),
        x_end(end),
        x_peer(peer),
        x_original(std::move(original)),
        x_readable(x_pipe->loop, [this] { on_readable(); }),
        x_writable(x_pipe->loop, [this] { on_writable(); }) {
    x_pipe->ends[end] = this;
  }

  // As a kernel closes: unread bytes make it a reset, else the tail is lost and a FIN follows.
  ~PipeStream() override {
    x_pipe->loop.outbox().forget(*this);
    x_pipe->ends[x_end] = nullptr;
    in().reader_gone = true;
    out().tail.clear();
    if (x_broken) return;
    if (x_aborted || !in().arrived.empty()) {
      x_pipe->reset(x_end);
    } else if (!out().fin_due_ms) {
      out().fin_due_ms = x_pipe->arrival_ms();
      x_pipe->wake_reader_of(x_end);
    }
    // Bytes on the way to us will meet nobody.
    if (in().wire_bytes > 0) x_pipe->reset(x_end);
  }

  void start(io::StreamEvents& events) override {
    x_events = &events;
    x_readable.arm();
    if (!out().tail.empty()) x_writable.arm();
  }
  void pause_reading() override { x_reading = false; }
  void resume_reading() override {
    x_reading = true;
    x_readable.arm();
  }

  void write(std::span<const std::string_view> pieces) override {
    if (out().finishing || x_broken || x_aborted) return;
    if (reset_arrived()) return x_readable.arm();
    // Behind a tail, bytes wait for the loop like on a socket, so that on_drained() is never
    // missed.
    const bool behind = !out().tail.empty();
    for (std::string_view piece : pieces) out().tail += piece;
    if (!behind) push();
  }
  size_t unsent() const override { return out().tail.size(); }

  void finish() override {
    if (out().finishing || x_broken || x_aborted) return;
    x_pipe->loop.outbox().flush();
    // As a kernel: no FIN behind bytes that a reset has dropped.
    if (reset_arrived()) return x_readable.arm();
    out().finishing = true;
    push();
  }

  void abort() override {
    x_pipe->loop.outbox().forget(*this);
    out().tail.clear();
    x_aborted = true;
    x_readable.cancel();
    x_writable.cancel();
  }

  bool is_broken() const override { return x_broken || x_aborted || reset_arrived(); }
  std::optional<uint64_t> bytes_acked() const override {
    if (x_peer.kind() == Address::Kind::kUnix) return std::nullopt;
    return out().total_arrived;
  }
  uint64_t moment() const override {
    x_moment_ms = x_pipe->loop.now_ms();
    return x_pipe->loop.moment();
  }
  // A loop that handles one event at a time knows more than a batch of events tells.
  bool was_readable_at(uint64_t moment) const override {
    return x_read_sent_at < moment && x_read_ms == x_moment_ms;
  }
  Address peer() const override { return x_peer; }
  std::optional<Address> original_destination() const override { return x_original; }

  void wake_reader(int64_t due_ms) { x_readable.arm_at(due_ms); }
  void wake_writer() {
    if (!out().tail.empty()) x_writable.arm();
  }

 private:
  Direction& out() { return x_pipe->ways[x_end]; }
  const Direction& out() const { return x_pipe->ways[x_end]; }
  Direction& in() { return x_pipe->ways[1 - x_end]; }
  const Direction& in() const { return x_pipe->ways[1 - x_end]; }
  bool is_deaf() const { return x_events == nullptr || is_linked() || x_broken || x_aborted; }
  bool reset_arrived() const {
    return in().reset_due_ms && *in().reset_due_ms <= x_pipe->loop.now_ms();
  }

  // As much of the tail onto the wire as the kernel takes.
  void push() {
    Direction& way = out();
    const size_t count = std::min(x_pipe->room(x_end), way.tail.size());
    if (count > 0) {
      way.wire.push_back({x_pipe->arrival_ms(), x_pipe->loop.moment(), way.tail.substr(0, count)});
      way.wire_bytes += count;
      way.tail.erase(0, count);
    }
    if (way.finishing && way.tail.empty() && !way.fin_due_ms) {
      way.fin_due_ms = x_pipe->arrival_ms();
    }
    x_pipe->wake_reader_of(x_end);
  }

  void take_arrivals() {
    Direction& way = in();
    while (!way.wire.empty() && way.wire.front().due_ms <= x_pipe->loop.now_ms()) {
      const std::string& bytes = way.wire.front().bytes;
      if (way.arrived.empty()) way.oldest_sent_at = way.wire.front().sent_at;
      way.wire_bytes -= bytes.size();
      way.total_arrived += bytes.size();
      way.arrived += bytes;
      way.wire.pop_front();
    }
    const auto limit = x_pipe->options.reset_after_bytes;
    if (limit && x_end == 0 && way.total_arrived >= *limit && !way.reset_due_ms) {
      way.reset_due_ms = x_pipe->loop.now_ms();
      x_pipe->reset(x_end);
    }
  }

  void arm_for_next_arrival() {
    const Direction& way = in();
    const int64_t now_ms = x_pipe->loop.now_ms();
    if (!way.wire.empty()) x_readable.arm_at(way.wire.front().due_ms);
    for (const auto& due_ms : {way.fin_due_ms, way.reset_due_ms}) {
      if (due_ms && *due_ms > now_ms) x_readable.arm_at(*due_ms);
    }
  }

  // At most one event of the stream each time.
  void on_readable() {
    take_arrivals();
    arm_for_next_arrival();
    if (reset_arrived()) out().tail.clear();
    if (is_deaf() || !x_reading) return;
    Direction& way = in();
    if (!way.arrived.empty() && !x_ended) {
      if (x_pipe->loop.now_ms() < x_next_read_ms) return x_readable.arm_at(x_next_read_ms);
      return read();
    }
    if (reset_arrived()) {
      x_broken = true;
      return x_events->on_broken();
    }
    const bool fin = way.fin_due_ms && *way.fin_due_ms <= x_pipe->loop.now_ms();
    if (fin && way.wire.empty() && !x_ended) {
      x_ended = true;
      if (reset_arrived()) x_readable.arm();
      x_events->on_end();
    }
  }

  void read() {
    Direction& way = in();
    size_t count = std::min(way.arrived.size(), size_t{64 * 1024});
    if (x_pipe->options.random_chunks) {
      count = 1 + x_pipe->loop.order().below(static_cast<uint32_t>(count));
    }
    if (x_pipe->options.drip_bytes > 0) {
      count = std::min(count, x_pipe->options.drip_bytes);
      x_next_read_ms = x_pipe->loop.now_ms() + 1;
    }
    x_read_sent_at = way.oldest_sent_at;
    x_read_ms = x_pipe->loop.now_ms();
    const std::string_view bytes = x_pipe->loop.lend(way.arrived.substr(0, count));
    way.arrived.erase(0, count);
    x_pipe->wake_writer_of(1 - x_end);
    x_readable.arm_at(x_next_read_ms);
    x_events->on_read(bytes);
  }

  void on_writable() {
    if (x_broken || x_aborted || out().tail.empty()) return;
    push();
    if (out().tail.empty() && !is_deaf()) x_events->on_drained();
  }

  std::shared_ptr<Pipe> x_pipe;
  int x_end;
  Address x_peer;
  std::optional<Address> x_original;
  io::StreamEvents* x_events = nullptr;
  bool x_reading = true;
  bool x_ended = false;
  bool x_broken = false;
  bool x_aborted = false;
  int64_t x_next_read_ms = 0;
  uint64_t x_read_sent_at = 0;
  int64_t x_read_ms = -1;
  mutable int64_t x_moment_ms = 0;
  VirtualLoop::Event x_readable;
  VirtualLoop::Event x_writable;
};

void Pipe::wake_reader_of(int way) {
  Direction& direction = ways[way];
  PipeStream* const reader = ends[1 - way];
  if (direction.reader_gone) {
    // Nobody reads there any more: the writer learns it by a reset.
    if (direction.wire_bytes > 0 && ends[way] != nullptr && !ways[1 - way].reset_due_ms) {
      direction.wire.clear();
      direction.wire_bytes = 0;
      ways[1 - way].reset_due_ms = loop.now_ms() + 2 * options.latency_ms;
      ends[way]->wake_reader(*ways[1 - way].reset_due_ms);
    }
    return;
  }
  if (reader == nullptr) return;
  if (!direction.wire.empty()) reader->wake_reader(direction.wire.front().due_ms);
  if (direction.wire.empty() && direction.fin_due_ms) reader->wake_reader(*direction.fin_due_ms);
  if (direction.reset_due_ms) reader->wake_reader(*direction.reset_due_ms);
}

void Pipe::wake_writer_of(int way) {
  if (ends[way] != nullptr) ends[way]->wake_writer();
}

}  // namespace

std::pair<io::StreamPtr, io::StreamPtr> make_pipe(VirtualLoop& loop, const PipeOptions& options,
                                                  const Address& peer_of_first,
                                                  const Address& peer_of_second,
                                                  std::optional<Address> original) {
  auto pipe = std::make_shared<Pipe>(loop, options);
  auto first = std::make_unique<PipeStream>(pipe, 0, peer_of_first);
  auto second = std::make_unique<PipeStream>(pipe, 1, peer_of_second, std::move(original));
  return {std::move(first), std::move(second)};
}

}  // namespace outrigger::testing
