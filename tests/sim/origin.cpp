#include "tests/sim/origin.hpp"

#include "tests/sim/origin_connection.hpp"

namespace outrigger::sim {
namespace {

constexpr Behaviour kGentleTroubles[] = {Behaviour::kInterim, Behaviour::kLastOne,
                                         Behaviour::kUntilClose};

}  // namespace

// One worker's way in.
class Origin::Door final : public io::AcceptEvents {
 public:
  Door(Origin& origin, testing::VirtualLoop& loop, testing::PipeNetwork& network)
      : x_origin(origin), x_loop(loop), x_network(network) {
    auto opened = network.listen(origin.address(), *this);
    OUTRIGGER_ASSERT(opened);
    x_listener = std::move(*opened);
  }

  void on_accepted(io::StreamPtr stream) override {
    x_connections.push_back(std::make_unique<Connection>(x_origin, x_loop, std::move(stream)));
  }
  void on_accept_refused() override {}

  void set(const testing::AddressOptions& options) { x_network.at(x_origin.address()) = options; }

 private:
  Origin& x_origin;
  testing::VirtualLoop& x_loop;
  testing::PipeNetwork& x_network;
  io::ListenerPtr x_listener;
  std::vector<std::unique_ptr<Connection>> x_connections;
};

Origin::Origin(OriginContext context, size_t service, const Address& address)
    : x_context(context), x_service(service), x_address(address) {}

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
    x_mood = {.trouble = 1, .troubles = {Behaviour::kServerError}};
    return;
  }
  Random& random = x_context.random;
  const bool gentle = x_context.plan.gentle;
  x_mood = Mood{};
  x_mood.closes_idle = random.chance(0.6);
  x_mood.delay_most_ms = random.chance(0.3) ? 0 : between(random, 0, gentle ? 300 : 2'500);
  const uint32_t sizes[] = {100, 2'000, 40'000, 400'000};
  x_mood.body_most = sizes[random.below(random.chance(0.15) ? 4 : 2)];
  const double shares[] = {0, 0.1, 0.4, 1};
  x_mood.trouble = shares[random.below(4)];
  const uint32_t kinds = between(random, 1, 4);
  for (uint32_t i = 0; i < kinds; ++i) {
    x_mood.troubles.push_back(
        gentle ? kGentleTroubles[random.below(std::size(kGentleTroubles))]
               : static_cast<Behaviour>(
                     1 + random.below(static_cast<uint32_t>(Behaviour::kCount) - 1)));
  }

  x_options = {};
  testing::PipeOptions& pipe = x_options.pipe;
  pipe.latency_ms = random.chance(0.5) ? 0 : between(random, 1, 30);
  pipe.random_chunks = random.chance(0.3);
  if (random.chance(0.3)) pipe.kernel_bytes = between(random, 1, 4) * 1'000;
  if (x_mood.body_most <= 2'000 && random.chance(0.1)) pipe.drip_bytes = between(random, 1, 40);
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
