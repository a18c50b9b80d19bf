#include "proxy/registration/membership.hpp"

#include <algorithm>
#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/discovery/poll_source.hpp"
#include "proxy/registration/own_address.hpp"

namespace outrigger::registration {
namespace {

constexpr size_t kBodyBytes = 64 * 1024;
// Without an address it is looked for one so often.
constexpr int64_t kLookMs = 5'000;

std::unique_ptr<Protocol> protocol_of(const RegistrySettings& registry, const Clock& clock) {
  return registry.consul ? consul_protocol() : eureka_protocol(clock);
}

std::vector<std::string> urls_of(const RegistrySettings& registry) {
  return registry.consul ? std::vector<std::string>{registry.consul->url} : registry.eureka->urls;
}

std::optional<std::string> token_file_of(const RegistrySettings& registry) {
  return registry.consul ? registry.consul->token_file : std::nullopt;
}

client::Bounds bounds_of(int64_t ms) {
  return {.head_ms = ms, .whole_ms = ms, .body_bytes = kBodyBytes};
}

}  // namespace

Membership::Membership(const Surroundings& surroundings, RegistrationEvents& events,
                       const config::Registration& config, const RegistrySettings& registry)
    : x_surroundings(surroundings),
      x_events(events),
      x_registry(registry),
      x_protocol(protocol_of(registry, surroundings.loop.clock)),
      x_server(surroundings.access.transport, surroundings.files,
               surroundings.access.tls(config.registry), urls_of(registry),
               token_file_of(registry)),
      x_instance{config, {}} {
  again_in(0);
}

Membership::~Membership() {
  Reaper& reaper = x_surroundings.loop.reaper;
  reaper.doom(std::move(x_call));
  reaper.doom(std::move(x_neighbour));
}

Registrations::Entry Membership::entry() const {
  const Address& address = x_instance.address;
  return {x_instance.config.registry, x_instance.config.name,
          address.is_ip() ? address.to_string() : std::string(), x_state, x_said};
}

bool Membership::find_address() {
  if (x_instance.address.is_ip()) return true;
  auto found = find_own_address(x_instance.config.address, x_surroundings.access.variable("POD_IP"),
                                x_server.client().url().authority, x_surroundings.address_towards);
  if (!found) return false;
  const auto port = static_cast<uint16_t>(x_instance.config.port);
  x_instance.address = Address::from_bytes(found->address.ip(), port);
  x_found_by = std::move(found->by);
  return true;
}

// ---- what is said at each interval

void Membership::again_in(int64_t ms) {
  const LoopContext& loop = x_surroundings.loop;
  loop.timers.arm(x_again, loop.clock.now_ms() + ms);
}

void Membership::on_due() {
  if (x_left) return end_leaving();
  if (!find_address()) {
    enter_state(State::kPending, "no address of this host leads to others; write \"address\"");
    return again_in(kLookMs);
  }
  if (x_server.awaits_token()) return again_in(discovery::kErrorBackoffMinMs);
  const config::RegistrationHealth& health = x_instance.config.health;
  const bool we_ask = health.http && health.by == config::RegistrationHealth::By::kSidecar;
  we_ask ? ask_neighbour() : tell_registry({});
}

void Membership::ask_neighbour() {
  if (x_neighbour == nullptr) {
    const Url url{.tls = false, .authority = x_instance.address.to_string(), .base = {}};
    x_neighbour = std::make_unique<client::Client>(x_surroundings.access.transport, url, nullptr);
  }
  const int64_t bound_ms = std::min(kAnswerMs, interval_ms());
  client::Request request{.target = *x_instance.config.health.http};
  request.fields.emplace_back("user-agent", "outrigger-registration");
  x_call =
      x_neighbour->ask(request, bounds_of(bound_ms), [this](const Result<client::Answer>& answer) {
        x_surroundings.loop.reaper.doom(std::move(x_call));
        const bool is_well = answer && answer->status >= 200 && answer->status < 300;
        const std::string why =
            answer ? "answers " + std::to_string(answer->status) : answer.error();
        tell_registry({is_well, why});
      });
}

// Nobody finds an instance that was never well.
void Membership::tell_registry(Condition condition) {
  if (!x_is_entered && !condition.is_well) {
    enter_state(x_state == State::kFailing ? State::kFailing : State::kPending, condition.why);
    return again_in(interval_ms());
  }
  const bool has_changed = condition.is_well != x_told.is_well;
  x_telling = std::move(condition);
  x_is_telling = true;
  if (!x_is_entered || (has_changed && x_protocol->enters_again_when_changed())) {
    x_was_sent = true;
    return send(x_protocol->enter(x_instance, x_telling), &Membership::on_told);
  }
  send(x_protocol->renew(x_instance, x_telling), &Membership::on_told);
}

void Membership::send(client::Request request,
                      void (Membership::*then)(const Result<client::Answer>&)) {
  if (x_registry.consul && !x_server.token().empty()) {
    request.fields.emplace_back("x-consul-token", x_server.token());
  }
  x_asked = &x_server.client();
  x_call = x_asked->ask(request, bounds_of(kAnswerMs),
                        [this, then](const Result<client::Answer>& answer) {
                          x_surroundings.loop.reaper.doom(std::move(x_call));
                          (this->*then)(answer);
                        });
}

void Membership::on_told(const Result<client::Answer>& answer) {
  x_is_telling = false;
  const Verdict verdict = answer ? x_protocol->verdict_of(*answer) : Verdict::kRefused;
  if (verdict == Verdict::kDone) {
    x_after_error.reset();
    x_is_entered = true;
    x_told = x_telling;
    const std::string where = x_instance.address.to_string() + " (" + x_found_by + ")";
    enter_state(State::kRegistered, where);
  } else if (verdict == Verdict::kForgotten && std::exchange(x_is_entered, false)) {
    enter_state(State::kPending, "the registry had forgotten it");
    if (!x_left) return tell_registry(x_telling);
  } else {
    x_server.try_another_than(*x_asked);
    enter_state(State::kFailing, sentence_of(answer));
  }
  if (x_left) return send_leave();
  const double share = x_surroundings.loop.random.between(1 - kJitterShare, 1 + kJitterShare);
  const auto next_ms = static_cast<int64_t>(static_cast<double>(interval_ms()) * share);
  const bool failed = x_state == State::kFailing;
  again_in(failed ? std::min(next_ms, x_after_error.next_ms(x_surroundings.loop.random)) : next_ms);
}

std::string Membership::sentence_of(const Result<client::Answer>& answer) const {
  if (!answer) return answer.error();
  return x_asked->url().origin() + ": " + discovery::why_refused(answer->status, answer->body);
}

void Membership::enter_state(State state, const std::string& why) {
  const bool is_news = state != x_state || (state != State::kRegistered && why != x_said);
  x_state = state;
  x_said = why;
  if (is_news)
    x_events.on_registration({x_instance.config.registry, x_instance.config.name, state, why});
}

// ---- out

bool Membership::is_overwritten_by(const config::Registration& config,
                                   const RegistrySettings& registry) const {
  const config::Registration& own = x_instance.config;
  return x_registry == registry && own.name == config.name && own.port == config.port &&
         own.address == config.address;
}

// A word that is on its way is let come to its end: cancelled, it might be taken after we left.
void Membership::leave(std::function<void()> done) {
  OUTRIGGER_ASSERT(!x_left);
  x_left = std::move(done);
  again_in(x_was_sent ? Registrations::kLeaveMs : 0);
  if (x_is_telling) return;
  x_surroundings.loop.reaper.doom(std::move(x_call));
  if (x_was_sent) send_leave();
}

void Membership::send_leave() { send(x_protocol->leave(x_instance), &Membership::on_left); }

// One that the registry does not know is out.
void Membership::on_left(const Result<client::Answer>& answer) {
  const Verdict verdict = answer ? x_protocol->verdict_of(*answer) : Verdict::kRefused;
  if (verdict != Verdict::kRefused) {
    enter_state(State::kLeft, "taken out");
    return again_in(0);
  }
  x_server.try_another_than(*x_asked);
  x_said = sentence_of(answer);
  const LoopContext& loop = x_surroundings.loop;
  loop.timers.arm(x_leave_again, loop.clock.now_ms() + kLeaveAgainMs);
}

void Membership::end_leaving() {
  x_surroundings.loop.reaper.doom(std::move(x_call));
  x_leave_again.cancel();
  if (x_state != State::kLeft && x_was_sent) {
    enter_state(State::kFailing, "could not be taken out in time: " + x_said);
  } else {
    x_state = State::kLeft;
  }
  std::exchange(x_left, nullptr)();
}

}  // namespace outrigger::registration
