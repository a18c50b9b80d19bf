#include "proxy/io/loop_kept_files.hpp"

#include <mutex>
#include <utility>

namespace outrigger::io {

// The way back to the loop. The file thread may come late, when the loop is gone.
struct LoopKeptFiles::Port {
  explicit Port(Loop& to) : loop(&to) {}

  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex);
    if (loop != nullptr) loop->post(std::move(task));
  }

  std::mutex mutex;
  Loop* loop;  // null: gone; guarded by the mutex
};

struct LoopKeptFiles::Question {
  KeptFileEvents* events;  // null: cancelled; the loop's thread
};

// What was begun is written, whoever still listens.
class LoopKeptFiles::Save final : public FileTask {
 public:
  explicit Save(std::shared_ptr<Question> question) : x_question(std::move(question)) {}
  ~Save() override { x_question->events = nullptr; }

 private:
  const std::shared_ptr<Question> x_question;
};

LoopKeptFiles::LoopKeptFiles(Loop& loop, FileThread& thread)
    : x_thread(thread), x_port(std::make_shared<Port>(loop)) {}

LoopKeptFiles::~LoopKeptFiles() {
  const std::lock_guard lock(x_port->mutex);
  x_port->loop = nullptr;
}

FileTaskPtr LoopKeptFiles::save(const std::string& folder, const std::string& name,
                                std::string text, KeptFileEvents& events) {
  const auto question = std::make_shared<Question>(Question{&events});
  x_thread.post(
      [port = x_port, question, folder, name, text = std::move(text)](FileThread::Watches&) {
        port->post([question, kept = save_kept_file(folder, name, text)] {
          if (question->events != nullptr) question->events->on_kept(kept);
        });
      });
  return std::make_unique<Save>(question);
}

}  // namespace outrigger::io
