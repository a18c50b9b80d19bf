#include "proxy/io/resolver.hpp"

#include <string_view>
#include <utility>

#include "proxy/io/hosts_file.hpp"
#include "proxy/io/name_walk.hpp"

namespace outrigger::io {
namespace {

// Literals never change, and names of the hosts file with the file, which says no TTL.
constexpr int64_t kHostsTtlS = 10;

// The name without its first label.
std::string_view zone_of(std::string_view name) {
  const size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

Resolved resolved_from(std::string_view name, const std::vector<Address>& addresses) {
  Resolved resolved{.name = std::string(name), .answers = {}, .is_complete = true};
  for (const RecordType type : kAddressTypes) {
    Answer answer{.type = type, .verdict = {}, .addresses = {}, .ttl_s = kHostsTtlS};
    for (const Address& address : addresses) {
      const bool is_ipv4 = address.kind() == Address::Kind::kIpv4;
      if (is_ipv4 == (type == RecordType::kA)) answer.addresses.push_back(address);
    }
    answer.verdict = answer.addresses.empty() ? Verdict::kNoRecords : Verdict::kRecords;
    resolved.answers.push_back(std::move(answer));
  }
  return resolved;
}

}  // namespace

// One lookup of its owner, and where it stands.
class Resolver::Lookup final : public Operation, public ListNode<Lookup>, private ResolveEvents {
 public:
  enum class Stand : uint8_t { kAside, kWaiting, kPlaced, kSilent };

  Lookup(Resolver& resolver, const Question& question, ResolveEvents& events)
      : x_resolver(resolver),
        x_events(events),
        x_zone(zone_of(question.name)),
        x_walk(resolver.x_loop, resolver.x_servers, question, *this) {}
  ~Lookup() override { x_resolver.leave(*this); }

  const std::string& zone() const { return x_zone; }
  NameWalk& walk() { return x_walk; }

  void answer_soon(Resolved resolved) {
    x_known = std::move(resolved);
    arm_in(0);
  }
  // Asks, and has a place for a while.
  void start() {
    arm_in(kPromptMs);
    x_walk.start();
  }

  Stand stand = Stand::kAside;

 private:
  void arm_in(int64_t ms) {
    const LoopContext& loop = x_resolver.x_loop;
    loop.timers.arm(x_timer, loop.clock.now_ms() + ms);
  }
  void on_timer() {
    if (x_known.is_complete) return deliver(x_known);
    x_resolver.move_to_silent(*this);
  }
  void on_resolved(const Resolved& resolved) override {
    if (resolved.is_complete) {
      x_timer.cancel();
      x_resolver.leave(*this);
    }
    deliver(resolved);
  }
  void deliver(const Resolved& resolved) {
    if (!ListNode<Reapable>::is_linked()) x_events.on_resolved(resolved);
  }

  Resolver& x_resolver;
  ResolveEvents& x_events;
  const std::string x_zone;
  Resolved x_known;  // without asking
  NameWalk x_walk;
  Timer x_timer = Timer::of<&Lookup::on_timer>(*this);
};

Resolver::Resolver(LoopContext loop, NameServers& servers, std::string hosts_file)
    : x_loop(loop), x_servers(servers), x_hosts_file(std::move(hosts_file)) {}

Resolver::~Resolver() = default;

OperationPtr Resolver::resolve(const Question& question, ResolveEvents& events) {
  auto lookup = std::make_unique<Lookup>(*this, question, events);
  const std::vector<Address> known = known_addresses(question);
  if (!known.empty()) {
    lookup->answer_soon(resolved_from(question.name, known));
    return lookup;
  }
  lookup->stand = Lookup::Stand::kWaiting;
  x_waiting.push_back(*lookup);
  give_places();
  return lookup;
}

// Those that no server need be asked for.
std::vector<Address> Resolver::known_addresses(const Question& question) const {
  if (question.types.front() == RecordType::kSrv) return {};
  if (const auto literal = Address::from_ip(question.name, 0)) return {*literal};
  if (x_hosts_file.empty()) return {};
  return look_in_hosts(x_hosts_file, question.name);
}

// Nothing reports from inside.
void Resolver::give_places() {
  while (x_placed_count < kPlaces) {
    Lookup* const next = next_in_line();
    if (next == nullptr) return;
    renew();
    next->stand = Lookup::Stand::kPlaced;
    x_placed.push_back(*next);
    ++x_placed_count;
    if (!x_look_again.is_armed()) x_loop.timers.arm(x_look_again, x_loop.clock.now_ms() + kRenewMs);
    next->start();
  }
}

Resolver::Lookup* Resolver::next_in_line() {
  while (!x_waiting.empty()) {
    Lookup& first = x_waiting.pop_front();
    if (!is_suspect(first)) return &first;
    x_suspects.push_back(first);
  }
  if (x_suspects.empty() || x_placed_count >= kPlaces / 2) return nullptr;
  return &x_suspects.pop_front();
}

bool Resolver::is_suspect(const Lookup& lookup) const {
  const auto found = x_silent_of_zone.find(lookup.zone());
  return found != x_silent_of_zone.end() && found->second >= kMostSilentOfZone;
}

void Resolver::move_to_silent(Lookup& lookup) {
  lookup.ListNode<Lookup>::unlink();
  --x_placed_count;
  lookup.stand = Lookup::Stand::kSilent;
  x_silent.push_back(lookup);
  ++x_silent_count;
  ++x_silent_of_zone[lookup.zone()];
  give_places();
  if (x_silent_count > kMostSilent) x_silent.front().walk().give_up();
}

void Resolver::leave(Lookup& lookup) {
  lookup.ListNode<Lookup>::unlink();
  const auto stood = std::exchange(lookup.stand, Lookup::Stand::kAside);
  if (stood == Lookup::Stand::kSilent) {
    --x_silent_count;
    const auto zone = x_silent_of_zone.find(lookup.zone());
    if (--zone->second == 0) x_silent_of_zone.erase(zone);
  } else if (stood == Lookup::Stand::kPlaced) {
    --x_placed_count;
    give_places();
  }
  if (x_placed_count + x_silent_count == 0) x_look_again.cancel();
}

// What was asked of servers that the system no longer names is asked of the new ones.
void Resolver::renew() {
  if (!x_servers.renew()) return;
  ++x_version;
  x_placed.for_each([](Lookup& lookup) { lookup.walk().start(); });
  x_silent.for_each([](Lookup& lookup) { lookup.walk().start(); });
}

uint64_t Resolver::version() {
  renew();
  return x_version;
}

void Resolver::look_again() {
  x_loop.timers.arm(x_look_again, x_loop.clock.now_ms() + kRenewMs);
  renew();
}

}  // namespace outrigger::io
