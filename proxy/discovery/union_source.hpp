// A UnionSource is several sources together, in their order, the same address once (the first one
// counts). It has answered when one part has; a part that fails keeps its own last list. Owned by a
// tree of sources; control thread.
#pragma once

#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class UnionSource final : public Source, private SourceEvents {
 public:
  explicit UnionSource(SourceEvents& events) : Source(events) {}

  // The parts report to this, and come before start().
  SourceEvents& events_for_parts() { return *this; }
  void add(SourcePtr part) { x_parts.push_back(std::move(part)); }

  void start() override;
  // That of its oldest part.
  int64_t age_ms() const override;
  // That of its freshest part: it is in touch while one part is.
  int64_t lapsed_ms() const override;

 private:
  void on_list(const AddressList& list) override;
  void on_failed(SourceKind kind, const std::string& why) override { report_failure(kind, why); }

  std::vector<SourcePtr> x_parts;
};

}  // namespace outrigger::discovery
