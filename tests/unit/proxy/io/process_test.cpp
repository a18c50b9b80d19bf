#include "proxy/io/process.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace outrigger::io {
namespace {

namespace fs = std::filesystem;

struct FakeRoot {
  FakeRoot() {
    std::string pattern = "/tmp/outrigger-root-XXXXXX";
    path = mkdtemp(pattern.data());
  }
  ~FakeRoot() { fs::remove_all(path); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories(fs::path(path + file).parent_path());
    std::ofstream(path + file) << text;
  }
  std::string path;
};

TEST(Process, RaisesTheDescriptorLimitToTheHardOne) {
  const uint64_t allowed = raise_descriptor_limit();
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
  EXPECT_EQ(allowed, limit.rlim_max);
}

TEST(Process, MeasuresAnonymousMemory) {
  const MemoryGauge gauge;
  const uint64_t before = gauge.anonymous_bytes();
  constexpr size_t kBytes = 32 << 20;
  const std::unique_ptr<char[]> block(new char[kBytes]);
  std::memset(block.get(), 1, kBytes);
  EXPECT_GE(gauge.anonymous_bytes(), before + kBytes / 2);
}

TEST(Process, FindsTheSmallestMemoryLimitOfCgroupVersion2) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/pod/app\n");
  root.write("/sys/fs/cgroup/pod/app/memory.max", "max\n");
  root.write("/sys/fs/cgroup/pod/memory.max", "67108864\n");
  ASSERT_TRUE(memory_cgroup(root.path));
  EXPECT_EQ(memory_cgroup(root.path)->limit_bytes, 67108864u);
}

TEST(Process, FindsTheMemoryLimitInsideACgroupNamespace) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/sys/fs/cgroup/memory.max", "1048576\n");
  ASSERT_TRUE(memory_cgroup(root.path));
  EXPECT_EQ(memory_cgroup(root.path)->limit_bytes, 1048576u);
}

TEST(Process, FindsTheMemoryLimitOfCgroupVersion1) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n");
  root.write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "134217728\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  ASSERT_TRUE(memory_cgroup(root.path));
  EXPECT_EQ(memory_cgroup(root.path)->limit_bytes, 134217728u);
}

TEST(Process, KnowsWhenThereIsNoMemoryLimit) {
  const FakeRoot root;
  EXPECT_FALSE(memory_cgroup(root.path));
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_FALSE(memory_cgroup(root.path));
}

TEST(Process, CountsWhatACgroupOfVersion2UsesWithoutFilePagesThatCanBeDropped) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/app\n");
  root.write("/sys/fs/cgroup/app/memory.max", "1000000\n");
  root.write("/sys/fs/cgroup/app/memory.current", "700000\n");
  root.write("/sys/fs/cgroup/app/memory.stat", "anon 5\nactive_file 7\ninactive_file 200000\n");
  const MemoryGauge gauge(memory_cgroup(root.path), root.path);
  EXPECT_EQ(gauge.cgroup_bytes(), 500'000u);
}

TEST(Process, CountsWhatACgroupOfVersion1UsesWithoutFilePagesThatCanBeDropped) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "4:memory:/app\n");
  root.write("/sys/fs/cgroup/memory/app/memory.limit_in_bytes", "1000000\n");
  root.write("/sys/fs/cgroup/memory/app/memory.usage_in_bytes", "700000\n");
  root.write("/sys/fs/cgroup/memory/app/memory.stat",
             "cache 9\ninactive_file 1\ntotal_inactive_file 300000\n");
  const MemoryGauge gauge(memory_cgroup(root.path), root.path);
  EXPECT_EQ(gauge.cgroup_bytes(), 400'000u);
}

TEST(Process, CountsTheBuffersOfTcp) {
  const FakeRoot root;
  root.write("/proc/net/sockstat",
             "sockets: used 16\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 3\n"
             "UDP: inuse 0 mem 7\n");
  const MemoryGauge gauge({}, root.path);
  EXPECT_EQ(gauge.tcp_bytes(), 3u * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST(Process, CountsNothingWhereNothingIsToBeRead) {
  const FakeRoot root;
  const MemoryGauge gauge({}, root.path);
  EXPECT_EQ(gauge.anonymous_bytes(), 0u);
  EXPECT_EQ(gauge.cgroup_bytes(), 0u);
  EXPECT_EQ(gauge.tcp_bytes(), 0u);
}

}  // namespace
}  // namespace outrigger::io
