#include "proxy/io/hosts_file.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace outrigger::io {
namespace {

bool equal_names(std::string_view a, std::string_view b) {
  if (a.ends_with('.')) a.remove_suffix(1);
  if (b.ends_with('.')) b.remove_suffix(1);
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

std::vector<Address> look_in_hosts(const std::string& path, std::string_view name) {
  std::vector<Address> found;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line) && found.size() < kMostOfHosts) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string ip;
    words >> ip;
    const auto address = Address::from_ip(ip, 0);
    if (!address) continue;
    for (std::string alias; words >> alias;) {
      if (!equal_names(alias, name)) continue;
      found.push_back(*address);
      break;
    }
  }
  return found;
}

}  // namespace outrigger::io
