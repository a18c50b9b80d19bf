// The overrides of operators on disk, in `snapshot.dir`. A folder that cannot be used is said and
// counted; nothing else stops for it. Owned by the control plane; its thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "admin/persistence.hpp"
#include "proxy/app/part.hpp"
#include "proxy/io/kept_files.hpp"

namespace outrigger::app {

class KeptState final : public Part, public admin::Persistence, private io::KeptFileEvents {
 public:
  // `files` outlives it.
  explicit KeptState(io::KeptFiles& files) : x_files(files) {}

  // Before the loop runs: the overrides that an earlier process kept. Empty where there are none,
  // or where they cannot be trusted.
  std::string load_overrides(const config::Config& first);

  void commit(Snapshot& next) noexcept override { x_folder = next.config.snapshot.dir; }

  // -- admin::Persistence
  bool is_on() const override { return x_folder.has_value(); }
  void save(std::string content, std::function<void(bool)> done) override;

 private:
  void on_kept(const Result<bool>& kept) override;

  io::KeptFiles& x_files;
  std::optional<std::string> x_folder;
  std::function<void(bool)> x_done;
  io::FileTaskPtr x_saving;
};

}  // namespace outrigger::app
