#include "proxy/io/watched_file.hpp"

#include <algorithm>
#include <functional>

namespace outrigger::io {

WatchedFile::WatchedFile(LoopContext loop, Disk& disk, std::string path)
    : x_loop(loop), x_disk(disk), x_path(std::move(path)) {}

void WatchedFile::add(FileSubscriberPtr subscriber) {
  x_subscriptions.push_back({std::move(subscriber), std::nullopt});
  if (!x_first) look_at(x_loop.clock.now_ms());
}

bool WatchedFile::remove(const FileSubscriber& subscriber) {
  std::erase_if(x_subscriptions,
                [&](const Subscription& one) { return one.subscriber.get() == &subscriber; });
  return !x_subscriptions.empty();
}

// While two looks are compared the second one is near enough.
void WatchedFile::on_entry(const std::string& folder, std::string_view name) {
  const std::string_view own_name = std::string_view(folder).substr(folder.rfind('/') + 1);
  const bool is_ours = name.empty() || name == own_name || folder == watched_folder() ||
                       std::any_of(x_steps.begin(), x_steps.end(), [&](const Disk::Step& step) {
                         return step.folder == folder && step.name == name;
                       });
  if (!is_ours) return;
  x_listens_anew = true;
  const int64_t soon_ms = x_loop.clock.now_ms() + kQuietMs;
  if (!x_first && soon_ms < x_look.deadline_ms()) look_at(soon_ms);
}

// Listens before it reads, then nothing falls in between.
void WatchedFile::on_look() {
  if (std::exchange(x_listens_anew, false)) listen();
  FileContent content = x_disk.read(x_path, Files::kWatchedBytesMax);
  const Digest digest = digest_of(content);
  const int64_t now_ms = x_loop.clock.now_ms();
  look_at(now_ms + kPollMs);
  if (x_taken == digest) {
    x_first.reset();
  } else if (x_first && x_first->digest == digest && now_ms - x_first->at_ms >= kSettleMs) {
    x_first.reset();
    x_taken = digest;
  } else {
    x_listens_anew = true;  // a link may lead elsewhere
    x_first = Seen{digest, now_ms};
    look_at(now_ms + kSettleMs);
    return;
  }
  if (!everybody_knows(digest)) tell(digest, std::move(content));
}

void WatchedFile::listen() {
  x_folders.clear();
  x_steps = x_disk.steps(x_path);
  for (size_t i = 0; i < x_steps.size(); ++i) {
    const std::string& folder = x_steps[i].folder;
    const auto same = [&](const Disk::Step& step) { return step.folder == folder; };
    if (std::find_if(x_steps.begin(), x_steps.end(), same) != x_steps.begin() + i) continue;
    if (auto watch = x_disk.watch(folder, *this)) x_folders.push_back(std::move(watch));
  }
  if (watched_folder().empty()) return;
  if (auto watch = x_disk.watch(watched_folder(), *this)) x_folders.push_back(std::move(watch));
}

std::string WatchedFile::watched_folder() const {
  return x_path.ends_with('/') ? x_path.substr(0, x_path.size() - 1) : std::string();
}

WatchedFile::Digest WatchedFile::digest_of(const FileContent& content) {
  const std::string& text = content ? *content : content.error();
  return {static_cast<bool>(content), text.size(), std::hash<std::string>{}(text)};
}

bool WatchedFile::everybody_knows(const Digest& digest) const {
  return std::all_of(x_subscriptions.begin(), x_subscriptions.end(),
                     [&](const Subscription& one) { return one.told == digest; });
}

void WatchedFile::tell(const Digest& digest, FileContent content) {
  const auto shared = std::make_shared<const FileContent>(std::move(content));
  for (Subscription& one : x_subscriptions) {
    if (one.told == digest) continue;
    one.told = digest;
    one.subscriber->take(shared);
  }
}

}  // namespace outrigger::io
