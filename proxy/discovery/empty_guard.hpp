// An EmptyGuard stands over a source and keeps its last list for keep_last after the source *says*
// that there is nothing; then the list is empty. Without keep_last it is empty at once. A failing
// source never empties it. Owned by a tree of sources; control thread.
#pragma once

#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class EmptyGuard final : public Source, private SourceEvents {
 public:
  // `make` builds the source that reports to the given events.
  template <class Make>
  EmptyGuard(LoopContext loop, const TreeSettings& settings, SourceEvents& events, Make make)
      : Source(events),
        x_loop(loop),
        x_settings(settings),
        x_source(make(static_cast<SourceEvents&>(*this))) {}

  void start() override { x_source->start(); }
  void remember(Memory& memory) const override;
  // While a list is kept: since the source last gave it.
  int64_t age_ms() const override;
  int64_t lapsed_ms() const override { return x_source->lapsed_ms(); }
  bool is_from_disk() const override { return x_source->is_from_disk(); }

 private:
  void on_list(const AddressList& list) override;
  void on_failed(SourceKind kind, const std::string& why) override { report_failure(kind, why); }
  void on_doubted(size_t lost, size_t of) override { report_doubt(lost, of); }
  void give_up();

  LoopContext x_loop;
  const TreeSettings& x_settings;
  const SourcePtr x_source;
  bool x_is_keeping = false;
  int64_t x_empty_since_ms = 0;
  int64_t x_last_given_at_ms = 0;
  Timer x_give_up = Timer::of<&EmptyGuard::give_up>(*this);
};

}  // namespace outrigger::discovery
