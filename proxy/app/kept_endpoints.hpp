// The lists of endpoints on disk, in `snapshot.dir`: what a start without its registries serves
// from. Saved a moment after a change, and not more often than each ten seconds; a folder that
// cannot be used is said and counted. Owned by the control plane; its thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/app/part.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/discovery.hpp"
#include "proxy/io/kept_files.hpp"

namespace outrigger::app {

class KeptEndpoints final : public Part, private io::KeptFileEvents {
 public:
  static constexpr int64_t kSoonMs = 1'000;
  static constexpr int64_t kPauseMs = 10'000;

  // All of it outlives this.
  KeptEndpoints(LoopContext loop, io::KeptFiles& files, discovery::Discovery& discovery)
      : x_loop(loop), x_files(files), x_discovery(discovery) {}

  // Before the loop runs: what an earlier process kept goes to the discovery.
  void load(const config::Config& first);
  // A list has changed.
  void note_change();
  uint64_t failures() const { return x_failures; }

  void commit(Snapshot& next) noexcept override;

 private:
  void save();
  void on_kept(const Result<bool>& kept) override;

  const LoopContext x_loop;
  io::KeptFiles& x_files;
  discovery::Discovery& x_discovery;
  std::optional<std::string> x_folder;
  int64_t x_not_before_ms = 0;
  uint64_t x_failures = 0;
  bool x_is_saving = false;
  bool x_has_changed = false;  // while it was being saved
  io::FileTaskPtr x_saving;
  Timer x_soon = Timer::of<&KeptEndpoints::save>(*this);
};

}  // namespace outrigger::app
