#include "proxy/io/process.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <span>
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

// From the group at `path` up to the root of the hierarchy.
void take_smallest(std::optional<MemoryCgroup>& smallest, const std::string& hierarchy,
                   std::string path, int version) {
  const std::string_view file = version == 1 ? "/memory.limit_in_bytes" : "/memory.max";
  while (true) {
    const std::string folder = hierarchy + path;
    const auto limit = read_limit(std::string(folder).append(file));
    if (limit && (!smallest || *limit < smallest->limit_bytes)) {
      smallest = MemoryCgroup{*limit, folder, version};
    }
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

Fd open_to_read(const std::string& path) { return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

// The whole of a small file of /proc or a cgroup.
std::string_view read_at_start(const Fd& file, std::span<char> scratch) {
  if (!file.is_open()) return {};
  const ssize_t length = ::pread(file.get(), scratch.data(), scratch.size(), 0);
  return length <= 0 ? std::string_view()
                     : std::string_view(scratch.data(), static_cast<size_t>(length));
}

// The number behind `name` and a blank; 0 when it is not there.
uint64_t number_after(std::string_view text, std::string_view name) {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + name.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

uint64_t page_bytes() {
  static const auto bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

// The kernel gives the lowest number that is free.
int descriptors_for_calls() {
  constexpr rlim_t kKeptBackMost = 64;
  constexpr rlim_t kCountable = 1 << 30;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kCountable;
  const rlim_t all = std::min(limit.rlim_cur, kCountable);
  return static_cast<int>(all - std::min(all / 8, kKeptBackMost));
}

// Lines are "HIERARCHY:CONTROLLERS:PATH" (cgroups(7)); inside a cgroup namespace the path is "/".
std::optional<MemoryCgroup> memory_cgroup(const std::string& root) {
  std::optional<MemoryCgroup> smallest;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      take_smallest(smallest, root + "/sys/fs/cgroup", path, 2);
    } else if (controllers.find(",memory,") != std::string::npos) {
      take_smallest(smallest, root + "/sys/fs/cgroup/memory", path, 1);
    }
  }
  return smallest;
}

uint64_t physical_memory_bytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * page_bytes();
}

MemoryGauge::MemoryGauge(const std::optional<MemoryCgroup>& cgroup, const std::string& root)
    : x_statm(open_to_read(root + "/proc/self/statm")),
      x_sockstat(open_to_read(root + "/proc/net/sockstat")) {
  if (!cgroup) return;
  x_version_1 = cgroup->version == 1;
  const std::string_view usage = x_version_1 ? "/memory.usage_in_bytes" : "/memory.current";
  x_usage = open_to_read(std::string(cgroup->folder).append(usage));
  x_stat = open_to_read(cgroup->folder + "/memory.stat");
}

// "SIZE RESIDENT SHARED ...", in pages (proc(5)); what is resident and not shared is anonymous.
uint64_t MemoryGauge::anonymous_bytes() const {
  std::array<char, 128> scratch;
  const std::string_view text = read_at_start(x_statm, scratch);
  std::array<uint64_t, 3> pages{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (uint64_t& count : pages) {
    at = std::from_chars(at, end, count).ptr;
    at = std::find_if(at, end, [](char c) { return c != ' '; });
  }
  return pages[1] < pages[2] ? 0 : (pages[1] - pages[2]) * page_bytes();
}

uint64_t MemoryGauge::cgroup_bytes() const {
  std::array<char, 4096> scratch;
  const uint64_t usage = number_after(read_at_start(x_usage, scratch), "");
  const std::string_view name = x_version_1 ? "\ntotal_inactive_file" : "\ninactive_file";
  const uint64_t droppable = number_after(read_at_start(x_stat, scratch), name);
  return usage - std::min(usage, droppable);
}

// "TCP: inuse 5 orphan 0 tw 0 alloc 6 mem 139", in pages.
uint64_t MemoryGauge::tcp_bytes() const {
  std::array<char, 1024> scratch;
  const std::string_view text = read_at_start(x_sockstat, scratch);
  const size_t line = text.find("TCP:");
  if (line == std::string_view::npos) return 0;
  return number_after(text.substr(line), " mem") * page_bytes();
}

}  // namespace outrigger::io
