// The real program and its real files: what the watch of the kernel, renames, links, folders and a
// restart make of them. What is done with them once they are read is for the scenarios.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/process/mount.hpp"
#include "tests/support/process/namespaces.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kLocal =
    "admin: {address: \"127.0.0.1:0\"}\nmetrics: {address: \"127.0.0.1:0\"}\n"
    "listeners: [{name: outbound, address: \"127.0.0.1:0\"}]\n";

std::string version(int number) {
  return kLocal + "services: {orders: {timeout: {request: " + std::to_string(number) + "s}}}\n";
}
void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}
bool runs(const Sidecar& sidecar, int number) {
  return eventually([&] {
    return sidecar.admin("GET", "/api/v1/config")
               .body.find("request: " + std::to_string(number) + "s") != std::string::npos;
  });
}
std::string state(const Sidecar& sidecar) {
  return sidecar.admin("GET", "/api/v1/config", "", "Accept: application/json\r\n").body;
}

TEST(ReloadProgram, AFileThatIsWrittenInPlaceOrReplacedIsInForceByItself) {
  const Sidecar sidecar(version(1), {.own_admin = true});
  EXPECT_TRUE(runs(sidecar, 1));
  write(sidecar.file(), version(2));
  EXPECT_TRUE(runs(sidecar, 2)) << sidecar.log();
  replace_file(sidecar.file(), version(3));
  EXPECT_TRUE(runs(sidecar, 3)) << sidecar.log();
}

TEST(ReloadProgram, ABadFileIsSaidWithItsLineAndHealsByItself) {
  const Sidecar sidecar(version(1), {.own_admin = true});
  write(sidecar.file(), version(2) + "servces: {}\n");
  EXPECT_TRUE(sidecar.logs("outrigger.yaml:5:1: unknown key")) << sidecar.log();
  EXPECT_TRUE(runs(sidecar, 1));
  EXPECT_THAT(state(sidecar), HasSubstr("\"line\":5"));
  EXPECT_EQ(sidecar.metric("outrigger_config_last_reload_successful"), 0);
  fs::remove(sidecar.file());
  fs::create_symlink("outrigger.yaml", sidecar.file());
  EXPECT_TRUE(sidecar.logs("Too many levels of symbolic links")) << sidecar.log();
  fs::remove(sidecar.file());
  write(sidecar.file(), version(3));
  EXPECT_TRUE(runs(sidecar, 3)) << sidecar.log();
  EXPECT_EQ(sidecar.metric("outrigger_config_last_reload_successful"), 1);
}

// A `subPath` of Kubernetes.
TEST(ReloadProgram, AFileThatIsAMountPointIsSaidOnceAlsoWhereAReloadBringsIt) {
  if (const std::string why = why_no_namespaces(); !why.empty()) GTEST_SKIP() << why;
  const TempFolder folder;
  const fs::path file = folder / "outrigger.yaml";
  const auto write_with = [&](const std::vector<std::string>& secrets) {
    std::string set;
    for (const std::string& name : secrets) {
      write(folder / name, name);
      set += "x-" + name + ": {file: " + (folder / name).string() + "}, ";
    }
    replace_file(file, kLocal + "services: {orders: {headers: {request: {set: {" + set + "}}}}}\n");
  };
  write_with({"one"});
  write(folder / "two", "two");
  const std::string script =
      "for f in one two; do mount --bind \"$0/$f\" \"$0/$f\" || exit 9; done; exec \"$1\" run -c "
      "\"$2\"";
  Process process({"unshare", "-m", "sh", "-c", script, folder.path(), outrigger_binary(), file});
  const auto count = [&](const std::string& name) {
    const std::string log = process.err();
    const std::string said =
        "\"path\":\"" + (folder / name).string() + "\",\"why\":\"it is a mount";
    size_t times = 0;
    for (size_t at = 0; (at = log.find(said, at)) != std::string::npos; ++at) ++times;
    return times;
  };
  EXPECT_TRUE(eventually([&] { return count("one") == 1; })) << process.err();
  EXPECT_EQ(count("two"), 0U);
  write_with({"one", "two"});
  EXPECT_TRUE(eventually([&] { return count("two") == 1; })) << process.err();
  EXPECT_EQ(count("one"), 1U);
  process.signal(SIGINT);
  process.signal(SIGINT);
  EXPECT_TRUE(process.wait());
}

// As a ConfigMap is mounted.
TEST(ReloadProgram, AFolderWhoseDataIsSwappedIsInForceByItself) {
  Mount mount(version(1));
  const Sidecar sidecar("", {.path = mount.path().string()});
  EXPECT_TRUE(runs(sidecar, 1));
  mount.swap_link(version(2));
  EXPECT_TRUE(runs(sidecar, 2)) << sidecar.log();
}

TEST(ReloadProgram, TheLastGoodFileIsBegunWithWhenTheNewOneIsBad) {
  const TempFolder folder;
  const std::string kept = (folder / "kept").string();
  fs::create_directory(kept);
  const SidecarOptions options{.own_admin = true, .arguments = {"--last-good", kept}};
  {
    const Sidecar sidecar(version(7), options);
    EXPECT_TRUE(eventually([&] { return fs::exists(kept + "/last-good"); }));
  }
  const Sidecar sidecar(version(8) + "servces: {}\n", options);
  EXPECT_TRUE(runs(sidecar, 7));
  EXPECT_TRUE(sidecar.logs("what runs is the last good configuration"));
  EXPECT_THAT(state(sidecar), HasSubstr("\"last_good\":true"));
  EXPECT_THAT(state(sidecar), HasSubstr("\"line\":5"));
  EXPECT_EQ(sidecar.metric("outrigger_config_last_reload_successful"), 0);
  write(sidecar.file(), version(9));
  EXPECT_TRUE(runs(sidecar, 9)) << sidecar.log();
  EXPECT_THAT(state(sidecar), Not(HasSubstr("last_good")));
}

}  // namespace
}  // namespace outrigger::testing
