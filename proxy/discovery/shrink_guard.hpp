// A ShrinkGuard stands over the source of one registry: a list that loses more than half of its
// endpoints at once, and more than three, is applied when a second answer says so too, or when
// nothing else was said for five seconds. A registry that has just come up empty, or sees half of
// its world, takes away what still serves. Owned by a tree of sources; control thread.
#pragma once

#include <optional>

#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class ShrinkGuard final : public Source, private SourceEvents {
 public:
  static constexpr size_t kLostAnyway = 3;
  static constexpr int64_t kConfirmMs = 5'000;

  // `make` builds the source that reports to the given events.
  template <class Make>
  ShrinkGuard(LoopContext loop, SourceEvents& events, Make make)
      : Source(events), x_loop(loop), x_source(make(static_cast<SourceEvents&>(*this))) {}

  void start() override { x_source->start(); }
  void remember(Memory& memory) const override;
  int64_t age_ms() const override { return x_source->age_ms(); }
  int64_t lapsed_ms() const override { return x_source->lapsed_ms(); }
  bool is_from_disk() const override { return x_source->is_from_disk(); }

 private:
  void on_list(const AddressList& given) override;
  void on_failed(SourceKind kind, const std::string& why) override { report_failure(kind, why); }
  void on_doubted(size_t lost, size_t of) override { report_doubt(lost, of); }
  void give_in();

  const LoopContext x_loop;
  std::optional<AddressList> x_doubted;
  const SourcePtr x_source;
  Timer x_confirmed = Timer::of<&ShrinkGuard::give_in>(*this);
};

}  // namespace outrigger::discovery
