// A FirstOfSource is the first of several sources that will do: that has `min` endpoints, was ever
// reached, and has not been out of touch until its list is older than the tree's keep_last. A
// failed poll alone never passes a source over. An earlier source that does again takes over after
// it has done so for `hold`. When none will do, the first that has any endpoint serves. Owned by a
// tree of sources; control thread.
#pragma once

#include <optional>

#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class FirstOfSource final : public Source {
 public:
  // So long a source may be silent from the start before later ones are looked at.
  static constexpr int64_t kFirstAnswerMs = 1'000;
  // With `when_empty: refuse` no age is configured; this one then makes a list too old.
  static constexpr int64_t kTooOldMs = 600'000;

  FirstOfSource(LoopContext loop, const TreeSettings& settings, int64_t hold_ms,
                SourceEvents& events);

  // `make` builds the part that reports to the given events. All before start(). Requires: min >=
  // 0.
  template <class Make>
  void add(int min, Make make) {
    Part& part = *x_parts.emplace_back(std::make_unique<Part>(*this, min));
    part.source = make(static_cast<SourceEvents&>(part));
  }

  void start() override;
  void remember(Memory& memory) const override;
  int64_t age_ms() const override;
  int64_t lapsed_ms() const override;
  bool is_from_disk() const override {
    return x_chosen != nullptr && x_chosen->source->is_from_disk();
  }

 private:
  struct Part final : SourceEvents {
    Part(FirstOfSource& part_of, int at_least)
        : owner(part_of), min(static_cast<size_t>(at_least)) {}
    void on_list(const AddressList&) override { owner.part_answered(*this); }
    void on_failed(SourceKind kind, const std::string& why) override;
    void on_doubted(size_t lost, size_t of) override { owner.report_doubt(lost, of); }

    FirstOfSource& owner;
    const size_t min;
    SourcePtr source;
    bool was_heard = false;                // answered or failed
    std::optional<int64_t> good_since_ms;  // would do since then
  };

  void part_answered(Part& part);
  void choose();
  Part* pick(int64_t now_ms) const;
  Part* best_of_the_bad() const;
  bool will_do(const Part& part) const;
  bool is_awaited(const Part& part, int64_t now_ms) const;
  int64_t too_old_ms() const;
  int64_t look_again_at(const Part& part, int64_t now_ms) const;

  LoopContext x_loop;
  const TreeSettings& x_settings;
  const int64_t x_hold_ms;
  int64_t x_started_at_ms = 0;
  std::vector<std::unique_ptr<Part>> x_parts;
  Part* x_chosen = nullptr;
  Timer x_look_again = Timer::of<&FirstOfSource::choose>(*this);
};

}  // namespace outrigger::discovery
