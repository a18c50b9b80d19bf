#include "proxy/io/process.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

namespace outrigger::io {
namespace {

std::optional<uint64_t> read_limit(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  if (!(file >> text)) return std::nullopt;
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;  // "max"
  // Version 1 says "no limit" with the largest whole number of pages.
  if (bytes >= uint64_t{1} << 60) return std::nullopt;
  return bytes;
}

std::optional<uint64_t> smaller(std::optional<uint64_t> a, std::optional<uint64_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// From the group at `path` up to the root of the hierarchy.
std::optional<uint64_t> smallest_limit(const std::string& hierarchy, std::string path,
                                       const std::string& file) {
  std::optional<uint64_t> limit;
  while (true) {
    limit =
        smaller(limit, read_limit(std::string(hierarchy).append(path).append("/").append(file)));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return limit;
    path.resize(slash);
  }
}

}  // namespace

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

// Lines are "HIERARCHY:CONTROLLERS:PATH" (cgroups(7)); inside a cgroup namespace the path is "/".
std::optional<uint64_t> cgroup_memory_limit_bytes(const std::string& root) {
  std::optional<uint64_t> limit;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      limit = smaller(limit, smallest_limit(root + "/sys/fs/cgroup", path, "memory.max"));
    } else if (controllers.find(",memory,") != std::string::npos) {
      limit = smaller(
          limit, smallest_limit(root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes"));
    }
  }
  return limit;
}

MemoryGauge::MemoryGauge() : x_statm(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {}

// "SIZE RESIDENT SHARED ...", in pages (proc(5)); what is resident and not shared is anonymous.
uint64_t MemoryGauge::anonymous_bytes() const {
  std::array<char, 128> text;
  const ssize_t length = ::pread(x_statm.get(), text.data(), text.size(), 0);
  if (length <= 0) return 0;
  std::array<uint64_t, 3> pages{};
  const char* at = text.data();
  const char* const end = at + length;
  for (uint64_t& count : pages) {
    at = std::from_chars(at, end, count).ptr;
    at = std::find_if(at, end, [](char c) { return c != ' '; });
  }
  static const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return pages[1] < pages[2] ? 0 : (pages[1] - pages[2]) * page_bytes;
}

}  // namespace outrigger::io
