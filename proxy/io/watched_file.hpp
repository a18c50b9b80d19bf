// One watched path: when to look, and when what was seen is taken. Owned by the FileThread; its
// thread. For proxy/io only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/loop_context.hpp"
#include "proxy/io/disk.hpp"

namespace outrigger::io {

// The one that asked for a file, on another thread.
class FileSubscriber {
 public:
  virtual ~FileSubscriber() = default;
  // On the file thread.
  virtual void take(std::shared_ptr<const FileContent> content) = 0;
};
using FileSubscriberPtr = std::shared_ptr<FileSubscriber>;

class WatchedFile final : private FolderEvents {
 public:
  // Looked at without being told, as network file systems tell nothing.
  static constexpr int64_t kPollMs = 2000;
  // Between the two equal looks.
  static constexpr int64_t kSettleMs = 100;
  // From what a folder tells to the look, so that a burst is one.
  static constexpr int64_t kQuietMs = 20;

  WatchedFile(LoopContext loop, Disk& disk, std::string path);

  void add(FileSubscriberPtr subscriber);
  // Returns whether any is left.
  bool remove(const FileSubscriber& subscriber);

 private:
  // What was read, in a few bytes: whether it could be, its size and a hash. Not of OpenSSL, which
  // costs a process without TLS three megabytes.
  struct Digest {
    bool is_there;
    size_t size;
    size_t hash;

    bool operator==(const Digest&) const = default;
  };
  struct Seen {
    Digest digest;
    int64_t at_ms;
  };
  struct Subscription {
    FileSubscriberPtr subscriber;
    std::optional<Digest> told;
  };

  void on_entry(const std::string& folder, std::string_view name) override;
  void on_look();
  void listen();
  // Without its slash; empty: it is a file.
  std::string watched_folder() const;
  static Digest digest_of(const FileContent& content);
  bool everybody_knows(const Digest& digest) const;
  void tell(const Digest& digest, FileContent content);
  void look_at(int64_t at_ms) { x_loop.timers.arm(x_look, at_ms); }

  const LoopContext x_loop;
  Disk& x_disk;
  const std::string x_path;
  std::vector<Subscription> x_subscriptions;
  std::vector<Disk::Step> x_steps;
  std::vector<std::unique_ptr<FolderWatch>> x_folders;
  bool x_listens_anew = true;
  std::optional<Digest> x_taken;
  std::optional<Seen> x_first;  // of two equal looks
  Timer x_look = Timer::of<&WatchedFile::on_look>(*this);
};

}  // namespace outrigger::io
