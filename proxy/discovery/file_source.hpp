// A FileSource is a watched file that holds `endpoints:`. A broken or absent file keeps the last
// list. Owned by a tree of sources; control thread.
#pragma once

#include <string>

#include "proxy/discovery/source.hpp"
#include "proxy/discovery/surroundings.hpp"

namespace outrigger::discovery {

class FileSource final : public Source, private io::FileEvents {
 public:
  static constexpr size_t kMaxBytes = 1 << 20;

  FileSource(const Surroundings& surroundings, const Memory& memory, std::string path,
             SourceEvents& events);

  void start() override;
  void remember(Memory& memory) const override;
  int64_t age_ms() const override;
  int64_t lapsed_ms() const override { return age_ms(); }

 private:
  void on_file(const std::string& path, const io::FileContent& content) override;
  void read_failed(const std::string& why);

  const Surroundings& x_surroundings;
  const std::string x_path;
  io::FileTaskPtr x_watch;
  std::optional<Known> x_known;  // before the first answer
  bool x_is_broken = false;
  int64_t x_broken_since_ms = 0;
};

}  // namespace outrigger::discovery
