#include "proxy/io/file_thread.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "proxy/io/line_output.hpp"

namespace outrigger::io {

// What the thread has. It alone touches this, but for what says otherwise.
class FileThread::Work final : public FileThread::Watches, public LineOutputEvents {
 public:
  // Before the thread runs, or on it.
  Result<bool> open(std::string path, std::shared_ptr<LineBuffer> buffer) {
    auto output = std::make_unique<LineOutput>(x_loop, std::move(path), std::move(buffer), *this);
    auto opened = output->open();
    if (opened) x_outputs.push_back(std::move(output));
    return opened;
  }

  void read(const std::string& path, size_t bytes_max, FileSubscriber& subscriber) override {
    subscriber.take(std::make_shared<const FileContent>(x_disk.read(path, bytes_max)));
  }
  void add(const std::string& path, FileSubscriberPtr subscriber) override {
    auto& watched = x_watched[path];
    if (watched == nullptr) {
      watched = std::make_unique<WatchedFile>(x_loop.context(), x_disk, path);
    }
    watched->add(std::move(subscriber));
  }
  void remove(const std::string& path, const FileSubscriber& subscriber) override {
    const auto watched = x_watched.find(path);
    if (watched != x_watched.end() && !watched->second->remove(subscriber)) {
      x_watched.erase(watched);
    }
  }

  void run() {
    x_loop.run();
    x_watched.clear();
    x_outputs.clear();
    x_loop.context().reaper.flush();
    const std::lock_guard lock(x_mutex);
    x_has_ended = true;
    x_end.notify_all();
  }

  // -- any thread
  void post(std::function<void(Work&)> task) {
    x_loop.post([this, task = std::move(task)] { task(*this); });
  }
  // Returns whether the thread ended in time.
  bool end_within(int64_t limit_ms) {
    post([](Work& work) {
      work.x_is_ending = true;
      work.stop_when_written();
    });
    std::unique_lock lock(x_mutex);
    return x_end.wait_for(lock, std::chrono::milliseconds(limit_ms), [&] { return x_has_ended; });
  }

 private:
  void on_end(LineOutput& output) override {
    const auto is_it = [&](const auto& one) { return one.get() == &output; };
    const auto ended = std::find_if(x_outputs.begin(), x_outputs.end(), is_it);
    x_loop.context().reaper.doom(std::move(*ended));
    x_outputs.erase(ended);
    stop_when_written();
  }
  void stop_when_written() {
    if (x_is_ending && x_outputs.empty()) x_loop.stop();
  }

  Loop x_loop{0};
  SystemDisk x_disk{x_loop};
  std::map<std::string, std::unique_ptr<WatchedFile>, std::less<>> x_watched;
  std::vector<std::unique_ptr<LineOutput>> x_outputs;
  bool x_is_ending = false;

  std::mutex x_mutex;
  std::condition_variable x_end;
  bool x_has_ended = false;  // guarded by x_mutex
};

FileThread::FileThread()
    : x_dropped(std::make_shared<std::atomic<uint64_t>>(0)),
      x_lines_of_standard_error(std::make_shared<LineBuffer>(x_dropped)),
      x_standard_error(std::make_unique<LineWriter>(x_lines_of_standard_error)),
      x_work(std::make_shared<Work>()) {
  OUTRIGGER_ASSERT(static_cast<bool>(x_work->open("-", x_lines_of_standard_error)));
  x_thread = std::thread([work = x_work] { work->run(); });
}

FileThread::~FileThread() {
  x_standard_error.reset();
  if (x_work->end_within(kPatienceMs)) {
    x_thread.join();
  } else {
    x_thread.detach();
  }
}

Result<std::unique_ptr<LineWriter>> FileThread::append_to(const std::string& path) {
  if (path == "-") return std::make_unique<LineWriter>(x_lines_of_standard_error);
  auto buffer = std::make_shared<LineBuffer>(x_dropped);
  auto writer = std::make_unique<LineWriter>(buffer);
  const auto opened = std::make_shared<std::promise<Result<bool>>>();
  x_work->post([path, buffer, opened](Work& work) { opened->set_value(work.open(path, buffer)); });
  auto answer = opened->get_future();
  if (answer.wait_for(std::chrono::milliseconds(kPatienceMs)) == std::future_status::ready) {
    if (const auto done = answer.get(); !done) return failure(done.error());
  }
  return writer;
}

void FileThread::post(std::function<void(Watches&)> task) {
  x_work->post([task = std::move(task)](Work& work) { task(work); });
}

}  // namespace outrigger::io
