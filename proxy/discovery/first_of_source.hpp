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

// Of one tree; changes while it lives.
struct TreeSettings {
  std::optional<int64_t> keep_last_ms;  // off: an empty answer is served at once
};

class FirstOfSource final : public Source {
 public:
  // So long a source may be silent from the start before later ones are looked at.
  static constexpr int64_t kFirstAnswerMs = 1'000;
  // With `when_empty: refuse` no age is configured; this one then makes a list too old.
  static constexpr int64_t kTooOldMs = 600'000;

  FirstOfSource(LoopContext loop, const TreeSettings& settings, int64_t hold_ms,
                SourceEvents& events);
  ~FirstOfSource() override;

  // The next part's reports go here; add() follows. All before start().
  SourceEvents& events_for_part();
  // Requires: min >= 0.
  void add(SourcePtr source, int min);

  void start() override;
  int64_t age_ms() const override;
  int64_t lapsed_ms() const override;

 private:
  struct Part;

  void choose();
  Part* pick(int64_t now_ms);
  void note_health(Part& part, int64_t now_ms);
  bool will_do(const Part& part) const;
  bool may_still_answer(const Part& part, int64_t now_ms) const;
  int64_t too_old_ms() const { return x_settings.keep_last_ms.value_or(kTooOldMs); }
  void arm(int64_t now_ms);

  LoopContext x_loop;
  const TreeSettings& x_settings;
  const int64_t x_hold_ms;
  int64_t x_started_at_ms = 0;
  std::vector<std::unique_ptr<Part>> x_parts;
  Part* x_chosen = nullptr;
  Timer x_look_again = Timer::of<&FirstOfSource::choose>(*this);
};

}  // namespace outrigger::discovery
