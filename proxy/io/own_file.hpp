// Files that this process keeps for itself: written as a whole or not at all, and read only where
// nobody else could have written them. Any thread that may wait for a disk.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::io {

// Puts these bytes in the place of whatever stands there, readable by us alone; after a crash there
// is the one or the other. Empty, or why it is not so.
std::string write_own_file(const std::string& path, std::string_view bytes);

// Empty, or why what stands there may be somebody else's: owned by another user, or one that others
// may write to.
std::string why_not_ours(const std::string& path);
// The same of a folder, in which others could put files.
std::string why_folder_not_ours(const std::string& path);

// Whether something is mounted just there, over the file or folder of that name.
bool is_mount_point(const std::string& path);

}  // namespace outrigger::io
