#include "proxy/discovery/file_source.hpp"

#include "config/config.hpp"
#include "proxy/discovery/static_source.hpp"

namespace outrigger::discovery {
namespace {

constexpr size_t kMostMistakesTold = 10;

std::string key_of(const std::string& path) { return "file " + path; }

std::string told(const std::vector<config::Problem>& problems) {
  std::string text;
  for (size_t i = 0; i < problems.size(); ++i) {
    if (i == kMostMistakesTold) {
      return text + "; and " + std::to_string(problems.size() - i) + " more";
    }
    if (i > 0) text += "; ";
    text += config::to_string(problems[i]);
  }
  return text;
}

}  // namespace

FileSource::FileSource(const Surroundings& surroundings, const Memory& memory, std::string path,
                       SourceEvents& events)
    : Source(events), x_surroundings(surroundings), x_path(std::move(path)) {
  const auto known = memory.find(key_of(x_path));
  if (known != memory.end()) x_known = known->second;
}

void FileSource::start() { x_watch = x_surroundings.files.watch(x_path, *this); }

void FileSource::remember(Memory& memory) const {
  const int64_t now_ms = x_surroundings.loop.clock.now_ms();
  if (answered()) memory[key_of(x_path)] = {list(), now_ms - age_ms()};
}

int64_t FileSource::age_ms() const {
  return x_is_broken ? x_surroundings.loop.clock.now_ms() - x_broken_since_ms : 0;
}

void FileSource::on_file(const std::string& path, const io::FileContent& content) {
  if (!content) return read_failed(content.error());
  if (content->size() > kMaxBytes) {
    return read_failed(path + ": larger than " + std::to_string(kMaxBytes) + " bytes");
  }
  const config::EndpointList file = config::load_endpoints(path, *content);
  if (!file.problems.empty()) return read_failed(told(file.problems));
  x_is_broken = false;
  report(to_addresses(file.endpoints));
}

void FileSource::read_failed(const std::string& why) {
  if (!x_is_broken) x_broken_since_ms = x_surroundings.loop.clock.now_ms();
  x_is_broken = true;
  if (!answered() && x_known) {
    x_broken_since_ms = x_known->at_ms;
    report(std::move(x_known->list));
  }
  report_failure(SourceKind::kFile, why);
}

}  // namespace outrigger::discovery
