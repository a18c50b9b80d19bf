// A KubernetesSource is the endpoints of one Service: those of all its EndpointSlices, each once,
// with the port that is named. Ready ones take calls; those that terminate and serve still do while
// no other is there. Owned by a tree of sources; control thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/model.hpp"
#include "proxy/discovery/kubernetes_api.hpp"
#include "proxy/discovery/kubernetes_watch.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class KubernetesSource final : public Source, private SliceReader {
 public:
  KubernetesSource(LoopContext loop, std::shared_ptr<KubernetesApi> api,
                   const config::EndpointSource& from, const Memory& memory, SourceEvents& events);
  ~KubernetesSource() override { SliceReader::unlink(); }

  void start() override;
  void remember(Memory& memory) const override;
  int64_t age_ms() const override { return lapsed_ms(); }
  int64_t lapsed_ms() const override {
    return x_is_failing ? x_loop.clock.now_ms() - x_known_at_ms : 0;
  }
  bool is_from_disk() const override { return x_is_from_disk; }

 private:
  const std::string& service() const override { return x_service; }
  void on_slices() override;
  void on_watch_failed(const std::string& why) override;
  void add(const Slice& slice, AddressList& list, std::string& wrong) const;
  std::optional<uint16_t> port_of(const Slice& slice) const;

  const LoopContext x_loop;
  const std::shared_ptr<KubernetesApi> x_api;
  const std::string x_service;
  const std::string x_port;
  const std::string x_key;
  std::optional<Known> x_remembered;  // before start()
  bool x_is_failing = false;
  bool x_is_from_disk = false;
  int64_t x_known_at_ms = 0;  // when the watch was last in touch
  const std::shared_ptr<KubernetesWatch> x_watch;
};

}  // namespace outrigger::discovery
