// A UnionSource is several sources together, in their order, the same address once (the first one
// counts). It has answered when one part has; a part that fails keeps its own last list. Owned by a
// tree of sources; control thread.
#pragma once

#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class UnionSource final : public Source {
 public:
  // So long parts may be silent from the start before the list goes out without them: a list that
  // grows part by part would look as if endpoints had gone.
  static constexpr int64_t kFirstAnswerMs = 500;

  UnionSource(LoopContext loop, SourceEvents& events) : Source(events), x_loop(loop) {}

  // `make` builds the part that reports to the given events. All before start().
  template <class Make>
  void add(Make make) {
    Part& part = *x_parts.emplace_back(std::make_unique<Part>(*this));
    part.source = make(static_cast<SourceEvents&>(part));
  }

  void start() override;
  void remember(Memory& memory) const override;
  // That of its oldest part.
  int64_t age_ms() const override;
  // That of its freshest part: it is in touch while one part is.
  int64_t lapsed_ms() const override;
  bool is_from_disk() const override;

 private:
  struct Part final : SourceEvents {
    explicit Part(UnionSource& part_of) : owner(part_of) {}
    void on_list(const AddressList&) override { owner.heard(*this); }
    void on_failed(SourceKind kind, const std::string& why) override;
    void on_doubted(size_t lost, size_t of) override { owner.report_doubt(lost, of); }

    UnionSource& owner;
    SourcePtr source;
    bool was_heard = false;  // answered or failed
  };

  void heard(Part& part);
  void merge();

  LoopContext x_loop;
  std::vector<std::unique_ptr<Part>> x_parts;
  bool x_is_waiting = true;  // for parts that were not heard yet
  Timer x_waited = Timer::of<&UnionSource::merge>(*this);
};

}  // namespace outrigger::discovery
