#include "proxy/health/endpoint_check.hpp"

#include <utility>

#include "proxy/health/check_call.hpp"

namespace outrigger::health {

using upstream::Health;

// ---- places

void Places::want(EndpointCheck& check) {
  if (x_free == 0) return x_waiting.push_back(check);
  --x_free;
  check.begin();
}

void Places::give_back() {
  ++x_free;
  if (x_waiting.empty()) return;
  --x_free;
  x_waiting.pop_front().begin();
}

// ---- one endpoint

EndpointCheck::EndpointCheck(CheckContext& context, std::shared_ptr<upstream::Endpoint> endpoint)
    : x_context(context), x_endpoint(std::move(endpoint)) {
  const auto interval = static_cast<double>(context.settings.interval_ms);
  const LoopContext& loop = context.loop;
  const auto in_ms = static_cast<int64_t>(loop.random.between(0, interval));
  loop.timers.arm(x_again, loop.clock.now_ms() + in_ms);
}

EndpointCheck::~EndpointCheck() {
  x_endpoint->set_health(Health::kUnknown);
  if (x_call == nullptr) return;
  x_context.loop.reaper.doom(std::move(x_call));
  x_context.places.give_back();
}

void EndpointCheck::on_due() { x_context.places.want(*this); }

void EndpointCheck::begin() {
  x_began_ms = x_context.loop.clock.now_ms();
  x_call = ask(x_context, x_endpoint->address(), [this](const Finding& found) { take(found); });
}

// The interval is from one beginning to the next, so one that was late does not catch up.
void EndpointCheck::take(const Finding& finding) {
  const LoopContext& loop = x_context.loop;
  loop.reaper.doom(std::move(x_call));
  judge(finding);
  const double share = loop.random.between(1 - kJitterShare, 1 + kJitterShare);
  const auto interval = static_cast<double>(x_context.settings.interval_ms);
  loop.timers.arm(x_again, x_began_ms + static_cast<int64_t>(interval * share));
  x_context.places.give_back();
}

// The first good answer is enough for one of whom nothing is known: it may be called already.
void EndpointCheck::judge(const Finding& finding) {
  const Health before = x_endpoint->health();
  Health now = before;
  if (finding.is_good) {
    x_bad = 0;
    ++x_good;
    if (before == Health::kUnknown || x_good >= x_context.settings.healthy) now = Health::kHealthy;
  } else {
    x_good = 0;
    ++x_bad;
    if (x_bad >= x_context.settings.unhealthy) now = Health::kUnhealthy;
  }
  x_endpoint->set_health(now, finding.why);
  if (now == before) return;
  x_context.events.on_health({x_context.service, x_endpoint->name(), before, now, finding.why});
}

}  // namespace outrigger::health
