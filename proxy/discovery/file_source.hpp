// A FileSource is a watched file that holds `endpoints:`, read at start() and whenever its content
// may have changed (also by the symlink swap of a ConfigMap). A broken or absent file keeps the
// last list and is looked at again, as its repair may be one that no watch sees. Owned by a tree of
// sources; control thread.
#pragma once

#include <string>

#include "proxy/discovery/backoff.hpp"
#include "proxy/discovery/source.hpp"
#include "proxy/discovery/surroundings.hpp"

namespace outrigger::discovery {

class FileSource final : public Source, private io::FileChangeEvents {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;

  FileSource(const Surroundings& surroundings, const Memory& memory, std::string path,
             SourceEvents& events);

  void start() override;
  void remember(Memory& memory) const override;
  int64_t age_ms() const override;
  int64_t lapsed_ms() const override { return age_ms(); }

 private:
  void on_changed() override { read(); }
  void read();
  void read_failed(const std::string& why);

  const Surroundings& x_surroundings;
  const std::string x_path;
  std::unique_ptr<Reapable> x_watch;
  std::optional<Known> x_known;  // before the first answer
  bool x_is_broken = false;
  int64_t x_broken_since_ms = 0;
  Backoff x_backoff{kErrorBackoffMinMs, kErrorBackoffMaxMs};
  Timer x_again = Timer::of<&FileSource::read>(*this);
};

}  // namespace outrigger::discovery
