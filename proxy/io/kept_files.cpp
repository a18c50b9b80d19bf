#include "proxy/io/kept_files.hpp"

#include <cerrno>
#include <cstring>

#include <sys/stat.h>

#include "proxy/io/disk.hpp"
#include "proxy/io/own_file.hpp"
#include "proxy/io/sha1.hpp"

namespace outrigger::io {
namespace {

constexpr std::string_view kMagic = "outrigger-kept 1 ";
constexpr size_t kHexDigits = 40;
constexpr mode_t kFolderMode = 0700;

std::string checksum_of(std::string_view text) {
  std::string hex;
  for (const uint8_t byte : sha1(text)) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

bool is_there(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 || errno != ENOENT;
}

}  // namespace

std::string sealed(std::string_view text) {
  return std::string(kMagic) + checksum_of(text) + "\n" + std::string(text);
}

Result<std::string> unsealed(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return failure("not of this version");
  bytes.remove_prefix(kMagic.size());
  if (bytes.size() <= kHexDigits || bytes[kHexDigits] != '\n') return failure("torn");
  const std::string_view checksum = bytes.substr(0, kHexDigits);
  const std::string_view text = bytes.substr(kHexDigits + 1);
  if (checksum != checksum_of(text)) return failure("the checksum is wrong");
  return std::string(text);
}

Result<std::string> load_kept_file(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  if (!is_there(folder)) return std::string();
  std::string why = why_folder_not_ours(folder);
  if (!why.empty()) return failure(folder + ": " + why);
  if (!is_there(path)) return std::string();
  why = why_not_ours(path);
  if (!why.empty()) return failure(path + ": " + why);
  const FileContent bytes = read_file(path);
  if (!bytes) return failure(bytes.error());
  Result<std::string> text = unsealed(*bytes);
  if (!text) return failure(path + ": " + text.error());
  return text;
}

Result<bool> save_kept_file(const std::string& folder, const std::string& name,
                            std::string_view text) {
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return failure(folder + ": " + std::strerror(errno));
  }
  std::string why = why_folder_not_ours(folder);
  if (!why.empty()) return failure(folder + ": " + why);
  why = write_own_file(folder + "/" + name, sealed(text));
  if (!why.empty()) return failure(std::move(why));
  return true;
}

}  // namespace outrigger::io
