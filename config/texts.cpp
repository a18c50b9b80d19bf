#include "config/texts.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "config/yaml.hpp"

namespace outrigger::config {
namespace {

// At most one byte more than a configuration may have.
Result<std::string> read_text(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return failure(std::string(std::strerror(errno)));
  if (S_ISDIR(info.st_mode)) return failure(std::string("it is a folder"));
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(std::string(std::strerror(errno)));
  std::string text(kMaxYamlBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  text.shrink_to_fit();  // it is kept as long as it is in force
  return text;
}

void read_folder(const std::string& folder, Texts& texts) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::string name = entry.path().filename().string();
    if (is_config_name(name)) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) texts.push_back({folder + name, read_text(folder + name)});
  if (error) texts.push_back({folder, failure(error.message())});
  if (!error && names.empty()) texts.push_back({folder, failure(std::string(kEmptyFolder))});
}

}  // namespace

bool is_config_name(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

std::vector<std::string> with_slashes(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    std::error_code error;
    if (!is_folder(path) && std::filesystem::is_directory(path, error)) path += '/';
  }
  return paths;
}

Texts read_texts(const std::vector<std::string>& paths) {
  Texts texts;
  for (const std::string& path : paths) {
    if (is_folder(path)) {
      read_folder(path, texts);
    } else {
      texts.push_back({path, read_text(path)});
    }
  }
  return texts;
}

std::string hash_of(const Texts& texts) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto add = [&](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;  // in no UTF-8, so nothing runs into what follows
  };
  for (const SourceText& source : texts) {
    add(source.path);
    add(source.text ? *source.text : source.text.error());
  }
  std::array<char, 20> text;
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace outrigger::config
