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
  EXPECT_EQ(cgroup_memory_limit_bytes(root.path), 67108864u);
}

TEST(Process, FindsTheMemoryLimitInsideACgroupNamespace) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/sys/fs/cgroup/memory.max", "1048576\n");
  EXPECT_EQ(cgroup_memory_limit_bytes(root.path), 1048576u);
}

TEST(Process, FindsTheMemoryLimitOfCgroupVersion1) {
  const FakeRoot root;
  root.write("/proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n");
  root.write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "134217728\n");
  root.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(cgroup_memory_limit_bytes(root.path), 134217728u);
}

TEST(Process, KnowsWhenThereIsNoMemoryLimit) {
  const FakeRoot root;
  EXPECT_EQ(cgroup_memory_limit_bytes(root.path), std::nullopt);
  root.write("/proc/self/cgroup", "0::/\n");
  root.write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(cgroup_memory_limit_bytes(root.path), std::nullopt);
}

}  // namespace
}  // namespace outrigger::io
