#include "proxy/discovery/file_source.hpp"

#include <filesystem>
#include <fstream>

#include "config/config.hpp"
#include "proxy/discovery/static_source.hpp"

namespace outrigger::discovery {
namespace {

constexpr size_t kMostMistakesTold = 10;

// Anything but a regular file, say a pipe, could hold up the thread.
Result<std::string> read_text(const std::string& path) {
  std::error_code absent;
  if (!std::filesystem::is_regular_file(path, absent)) {
    return failure(path + ": " + (absent ? absent.message() : "not a regular file"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(path + ": cannot be opened");
  std::string text(FileSource::kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return failure(path + ": cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > FileSource::kMaxBytes) {
    return failure(path + ": larger than " + std::to_string(FileSource::kMaxBytes) + " bytes");
  }
  return text;
}

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

void FileSource::start() {
  x_watch = x_surroundings.watch_file(x_path, *this);
  read();
}

void FileSource::remember(Memory& memory) const {
  const int64_t now_ms = x_surroundings.loop.clock.now_ms();
  if (answered()) memory[key_of(x_path)] = {list(), now_ms - age_ms()};
}

int64_t FileSource::age_ms() const {
  return x_is_broken ? x_surroundings.loop.clock.now_ms() - x_broken_since_ms : 0;
}

void FileSource::read() {
  x_again.cancel();
  const auto text = read_text(x_path);
  if (!text) return read_failed(text.error());
  const config::EndpointList file = config::load_endpoints(x_path, *text);
  if (!file.problems.empty()) return read_failed(told(file.problems));
  x_is_broken = false;
  x_backoff.reset();
  report(to_addresses(file.endpoints));
}

void FileSource::read_failed(const std::string& why) {
  const LoopContext& loop = x_surroundings.loop;
  const int64_t now_ms = loop.clock.now_ms();
  if (!x_is_broken) x_broken_since_ms = now_ms;
  x_is_broken = true;
  if (!answered() && x_known) {
    x_broken_since_ms = x_known->at_ms;
    report(std::move(x_known->list));
  }
  loop.timers.arm(x_again, now_ms + x_backoff.next_ms(loop.random));
  report_failure(SourceKind::kFile, why);
}

}  // namespace outrigger::discovery
