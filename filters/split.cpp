#include "filters/split.hpp"

#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/chain/call_leg.hpp"
#include "proxy/http/cookie.hpp"

namespace outrigger::filters {

using chain::Leg;
using chain::Step;

struct SplitSlot {
  chain::LegPtr below;
  size_t target = 0;
  bool has_moved = false;
};

namespace {

class NoTerminal final : public chain::Terminal {
 public:
  chain::CallPtr start(chain::CallLeg) override {
    OUTRIGGER_ASSERT(false);
    return nullptr;
  }
};

// What the call is known by; empty: nothing.
std::string_view key_of(const config::Sticky& sticky, const http::RequestHead& request) {
  if (sticky.cookie) return http::cookie(request.fields, *sticky.cookie).value_or("");
  const http::Field* field = request.fields.find(*sticky.header);
  return field == nullptr ? std::string_view() : field->value;
}

}  // namespace

chain::Terminal& no_terminal() {
  static NoTerminal terminal;
  return terminal;
}

Split::Split(chain::Runtime& runtime, const SplitSettings& settings,
             std::vector<const chain::Chain*> chains)
    : x_runtime(runtime), x_settings(settings), x_chains(std::move(chains)) {}

Step Split::on_request(Leg& leg, void* slot) {
  std::optional<size_t> chosen;
  if (x_settings.when_open == config::WhenOpen::kOthers) chosen = choose(leg, willing());
  if (!chosen) chosen = choose(leg, x_settings.choice.all());
  open(leg, of(slot), *chosen);
  return Step::kPaused;
}

SplitChoice::Set Split::willing() const {
  const int64_t now_ms = x_runtime.loop.clock.now_ms();
  SplitChoice::Set set = 0;
  for (size_t i = 0; i < x_settings.targets.size(); ++i) {
    if (x_settings.targets[i].circuit->is_willing(now_ms)) set |= SplitChoice::Set{1} << i;
  }
  return set & x_settings.choice.all();
}

SplitChoice::Set Split::others(const SplitSlot& slot) const {
  return willing() & ~(SplitChoice::Set{1} << slot.target);
}

std::optional<size_t> Split::choose(const Leg& leg, SplitChoice::Set among) const {
  const std::string_view key =
      x_settings.sticky ? key_of(*x_settings.sticky, leg.request()) : std::string_view();
  return key.empty() ? x_settings.choice.by_chance(among, x_runtime.loop.random)
                     : x_settings.choice.by_key(among, key);
}

void Split::open(Leg& leg, SplitSlot& slot, size_t target) const {
  slot.target = target;
  leg.exchange().move_to(*x_settings.targets[target].route);
  slot.below = leg.open(*x_chains[target], false);
}

// Its own circuit refuses the first attempt: the caller's request is still as it came.
bool Split::sends_elsewhere(const Leg& leg, const void* slot_, const Error& error) const {
  const SplitSlot& slot = of(slot_);
  return error.cause == Cause::kCircuitOpen && error.ours && !slot.has_moved &&
         x_settings.when_open == config::WhenOpen::kOthers &&
         leg.exchange().facts().attempts == 0 && leg.exchange().body().is_whole() &&
         others(slot) != 0;
}

void Split::on_leg(Leg& mine, void* slot_, Leg& below) {
  SplitSlot& slot = of(slot_);
  const Error* const error = below.error();
  if (error == nullptr || !sends_elsewhere(mine, slot_, *error)) {
    return mine.accept(std::move(slot.below));
  }
  slot.has_moved = true;
  slot.below.reset();
  open(mine, slot, *choose(mine, others(slot)));
}

}  // namespace outrigger::filters
