// The folder of a configuration as a pod has it, with outrigger.yaml in it: what it says is swapped
// in one step, as Kubernetes does it, or by rename. One thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tests/support/process/process.hpp"

namespace outrigger::testing {

class Mount {
 public:
  explicit Mount(std::string_view text) {
    std::filesystem::create_directory(path());
    swap_link(text);
    std::filesystem::create_symlink("..data/outrigger.yaml", path() / "outrigger.yaml");
  }

  std::filesystem::path path() const { return x_folder / "mount"; }

  // As the kubelet does: a folder of its own, the link `..data` to it, and the old folder goes.
  void swap_link(std::string_view text) {
    const auto data = [&](int number) { return path() / ("..v" + std::to_string(number)); };
    const auto next = data(++x_count);
    std::filesystem::create_directory(next);
    replace_file(next / "outrigger.yaml", text);
    std::filesystem::create_directory_symlink(next.filename(), path() / "..data_tmp");
    std::filesystem::rename(path() / "..data_tmp", path() / "..data");
    std::filesystem::remove_all(data(x_count - 1));
  }
  // From then on a file of its own stands where the link was.
  void rename(std::string_view text) { replace_file(path() / "outrigger.yaml", text); }

 private:
  TempFolder x_folder;
  int x_count = 0;
};

}  // namespace outrigger::testing
