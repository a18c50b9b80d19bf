// Sends each call of a route to one of several services, whose whole chain follows. It asks their
// circuits first and takes no token; where the one that it chose refuses after all, and nothing was
// sent, one other gets the call. From then on the call is counted as that service's. It is no
// policy of a list: a route's `to` brings it, inside of what belongs to the call as such
// (access_log, trace) and outside of everything else.
#pragma once

#include <optional>
#include <vector>

#include "config/model.hpp"
#include "filters/split_choice.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/filter.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/upstream/circuit.hpp"

namespace outrigger::filters {

// What it leads to. All of it outlives the split.
struct SplitTarget {
  const chain::Route* route;
  const upstream::Circuit* circuit;  // that its calls meet
};

struct SplitSettings {
  SplitChoice choice;  // in the order of the targets
  std::vector<SplitTarget> targets;
  std::optional<config::Sticky> sticky;
  config::WhenOpen when_open = config::WhenOpen::kOthers;
};

struct SplitSlot;

class Split final : public chain::FilterWith<Split, SplitSlot> {
 public:
  // `chains`: of each target, that which its calls go down. `settings` outlives it.
  Split(chain::Runtime& runtime, const SplitSettings& settings,
        std::vector<const chain::Chain*> chains);

  std::string_view name() const override { return "split"; }
  chain::Wants wants() const override { return {.opens_legs = true}; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  void on_leg(chain::Leg& mine, void* slot, chain::Leg& below) override;
  bool sends_elsewhere(const chain::Leg& leg, const void* slot, const Error& error) const override;

 private:
  SplitChoice::Set willing() const;
  SplitChoice::Set others(const SplitSlot& slot) const;
  std::optional<size_t> choose(const chain::Leg& leg, SplitChoice::Set among) const;
  void open(chain::Leg& leg, SplitSlot& slot, size_t target) const;

  chain::Runtime& x_runtime;
  const SplitSettings& x_settings;
  const std::vector<const chain::Chain*> x_chains;
};

// What a chain ends in whose last filter opens legs on other chains.
chain::Terminal& no_terminal();

}  // namespace outrigger::filters
