// Answers something useful when the call cannot be made: the last good answer, another service, a
// fixed reply, or nothing. Tried in order, each for the failures and methods it lists; possible
// only while nothing was sent to the caller. What `stale` answers from is kept by Cache.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "filters/registry.hpp"
#include "filters/stale_store.hpp"
#include "proxy/chain/leg.hpp"

namespace outrigger::filters {

struct FallbackSlot;

class Fallback final : public chain::FilterWith<Fallback, FallbackSlot> {
 public:
  static void make(const Context& context, FilterList& filters);
  explicit Fallback(const Context& context);

  std::string_view name() const override { return "fallback"; }
  chain::Wants wants() const override { return {.request_end = true, .opens_legs = true}; }
  chain::Step on_request(chain::Leg& leg, void* slot) override;
  void on_leg(chain::Leg& mine, void* slot, chain::Leg& below) override;
  void on_body_end(chain::Leg& leg, void* slot, chain::Way way) override;
  bool may_open(const chain::Leg& leg, const void* slot) const override;
  bool may_replace(const chain::Leg& leg, const void* slot) const override;

 private:
  // One entry of the list, with what had to be read for it.
  struct Entry {
    config::Fallback policy;
    std::optional<bool> in_grpc;  // only a caller that speaks it, or that does not, can read it
    // The body of `respond`.
    std::string body;
    std::vector<std::pair<std::string, std::string>> fields;
    int64_t within_ms = 0;  // of `service`
  };

  static bool applies(const Entry& entry, const chain::Leg& leg);
  template <class Ask>
  bool any_left(const void* slot, Ask ask) const;
  void replace(FallbackSlot& slot) const;
  bool act(FallbackSlot& slot, const Entry& entry) const;
  bool serve_stale(FallbackSlot& slot, const config::FallbackStale& stale) const;
  bool call_service(FallbackSlot& slot, const Entry& entry,
                    const config::FallbackService& service) const;
  void respond(FallbackSlot& slot, const Entry& entry, const config::FallbackRespond& reply) const;
  void omit(FallbackSlot& slot, config::FallbackOmit how) const;
  static void make_grpc(chain::LocalReply& reply, int status, Arena& arena);
  void finish(FallbackSlot& slot, chain::LocalReply& reply, metrics::FallbackKind kind) const;
  void note(FallbackSlot& slot, metrics::FallbackKind kind) const;
  std::string_view marking(const FallbackSlot& slot) const;
  static std::string_view reason_of(const chain::Leg& first);
  int64_t deadline_ms(const FallbackSlot& slot, int64_t within_ms) const;

  chain::Runtime& x_runtime;
  const std::string x_label;
  std::vector<Entry> x_entries;
  const config::Matcher x_any = config::any_failure();
  const std::optional<StoreRules> x_rules;  // of `stale`
  const config::Timeout x_timeout;
  const int64_t x_body_max_bytes;
  metrics::ServiceSeries& x_series;
  StaleStore& x_store;
  const std::function<std::shared_ptr<const chain::Chain>(std::string_view)> x_inner_chain;
};

}  // namespace outrigger::filters
