#include "tests/sim/origin.hpp"

#include "tests/sim/h1_origin_connection.hpp"
#include "tests/sim/h2_origin_connection.hpp"
#include "tests/sim/origin_tunnel.hpp"

namespace outrigger::sim {
namespace {

constexpr Behaviour kGentleTroubles[] = {Behaviour::kInterim, Behaviour::kLastOne,
                                         Behaviour::kUntilClose, Behaviour::kEarly};
constexpr H2Behaviour kGentleH2Troubles[] = {H2Behaviour::kInterim, H2Behaviour::kLastOne,
                                             H2Behaviour::kSentBack, H2Behaviour::kEarly};
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

template <class Kind, size_t N>
Kind draw_trouble(Random& random, const Kind (&gentle)[N], bool is_gentle) {
  if (is_gentle) return gentle[random.below(N)];
  return static_cast<Kind>(1 + random.below(static_cast<uint32_t>(Kind::kCount) - 1));
}

}  // namespace

// One worker's way in.
class Origin::Door final : public io::AcceptEvents {
  // A connection that has not said which version it speaks.
  class Greeting final : public io::StreamEvents {
   public:
    Greeting(Door& door, io::StreamPtr stream) : x_door(door), x_stream(std::move(stream)) {
      x_stream->start(*this);
    }

   private:
    void on_read(std::string_view bytes) override {
      x_begun += bytes;
      // Of a tunnel that was asked for by CONNECT: no method of HTTP that comes here begins so.
      if (x_begun.front() == 'C') return x_door.carry(std::move(x_stream), x_begun);
      const bool may_be = kPreface.starts_with(x_begun.substr(0, kPreface.size()));
      if (may_be && x_begun.size() < kPreface.size()) return;
      if (may_be && x_door.x_origin.x_mood.is_h1_only) return refuse();
      x_door.receive(std::move(x_stream), x_begun, may_be);
    }
    void on_end() override { drop(); }
    void on_broken() override { drop(); }
    void on_drained() override {}

    // As servers do that know HTTP/1 only.
    void refuse() {
      x_stream->write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
      x_stream->finish();
      drop();
    }
    void drop() { x_door.x_loop.context().reaper.doom(std::move(x_stream)); }

    Door& x_door;
    io::StreamPtr x_stream;
    std::string x_begun;
  };

 public:
  Door(Origin& origin, testing::VirtualLoop& loop, testing::PipeNetwork& network)
      : x_origin(origin), x_loop(loop), x_network(network) {
    auto opened = network.listen(origin.address(), *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }

  void on_accepted(io::StreamPtr stream) override {
    x_origin.x_last_seen_ms = x_loop.now_ms();
    if (x_origin.x_is_opaque) return carry(std::move(stream), {});
    x_greetings.push_back(std::make_unique<Greeting>(*this, std::move(stream)));
  }
  void on_accept_refused() override {}

  void receive(io::StreamPtr stream, std::string_view begun, bool is_http2) {
    if (is_http2) {
      x_h2_connections.push_back(
          std::make_unique<H2Connection>(x_origin, x_loop, std::move(stream), begun));
    } else {
      x_h1_connections.push_back(
          std::make_unique<H1Connection>(x_origin, x_loop, std::move(stream), begun));
    }
  }

  void carry(io::StreamPtr stream, std::string_view begun) {
    x_tunnels.push_back(std::make_unique<Tunnel>(x_origin, x_loop, std::move(stream), begun));
  }

  void set(const testing::AddressOptions& options) { x_network.at(x_origin.address()) = options; }

 private:
  Origin& x_origin;
  testing::VirtualLoop& x_loop;
  testing::PipeNetwork& x_network;
  io::ListenerPtr x_listener;
  std::vector<std::unique_ptr<Greeting>> x_greetings;
  std::vector<std::unique_ptr<H1Connection>> x_h1_connections;
  std::vector<std::unique_ptr<H2Connection>> x_h2_connections;
  std::vector<std::unique_ptr<Tunnel>> x_tunnels;
};

Origin::Origin(OriginContext context, size_t service, const Address& address, bool opaque)
    : x_context(context), x_service(service), x_address(address), x_is_opaque(opaque) {}

Origin::~Origin() = default;

void Origin::listen_on(testing::VirtualLoop& loop, testing::PipeNetwork& network) {
  x_doors.push_back(std::make_unique<Door>(*this, loop, network));
  set_network();
}

void Origin::become_good() {
  x_mood = Mood{};
  x_options = {};
  set_network();
}

void Origin::change_mood() {
  if (x_context.plan.is_storm) {
    x_mood = {.trouble = 1,
              .troubles = {Behaviour::kServerError},
              .h2_troubles = {H2Behaviour::kServerError}};
    return;
  }
  Random& random = x_context.random;
  const bool gentle = x_context.plan.gentle;
  x_mood = Mood{};
  x_mood.closes_idle = random.chance(0.6);
  x_mood.delay_most_ms = random.chance(0.3) ? 0 : between(random, 0, gentle ? 300 : 2'500);
  const uint32_t sizes[] = {100, 2'000, 40'000, 400'000};
  // Of hundreds of calls at once large bodies would take longer than a good call has time.
  const bool may_be_large = random.chance(0.15) && !x_context.plan.is_busy;
  x_mood.body_most = sizes[random.below(may_be_large ? 4 : 2)];
  const double shares[] = {0, 0.1, 0.4, 1};
  x_mood.trouble = shares[random.below(4)];
  const uint32_t kinds = between(random, 1, 4);
  for (uint32_t i = 0; i < kinds; ++i) {
    x_mood.troubles.push_back(draw_trouble(random, kGentleTroubles, gentle));
    x_mood.h2_troubles.push_back(draw_trouble(random, kGentleH2Troubles, gentle));
  }
  x_mood.is_h1_only = !gentle && random.chance(0.03);

  x_options = {};
  testing::PipeOptions& pipe = x_options.pipe;
  pipe = draw_pipe(random, gentle);
  // Requests have bodies, too, and a good one is not to time out.
  if (x_mood.body_most <= 2'000 && random.chance(0.1)) {
    pipe.drip_bytes = between(random, 1, 40) * (gentle ? 50 : 1);
  }
  x_chops = x_chops || pipe.random_chunks || pipe.drip_bytes > 0 ||
            pipe.kernel_bytes != testing::PipeOptions{}.kernel_bytes;
  x_options.connect_ms = random.chance(0.7) ? 0 : between(random, 1, 200);
  if (!gentle) {
    using Fate = testing::AddressOptions::Fate;
    if (random.chance(0.1)) pipe.reset_after_bytes = between(random, 0, 3'000);
    const uint32_t roll = random.below(20);
    if (roll == 0) x_options.fate = Fate::kRefuse;
    if (roll == 1) x_options.fate = Fate::kBlackhole;
    if (roll == 2) x_options.fate = Fate::kUnreachable;
    if (roll == 3) x_options.out_of_descriptors = true;
    if (roll == 4) x_options.connect_ms = between(random, 200, 2'000);
  }
  set_network();
}

void Origin::set_network() {
  for (const auto& door : x_doors) door->set(x_options);
}

}  // namespace outrigger::sim
