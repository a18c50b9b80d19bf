#include "proxy/io/loop_files.hpp"

#include <utility>

#include "proxy/io/loop_port.hpp"

namespace outrigger::io {

struct LoopFiles::Port : LoopPort {
  using LoopPort::LoopPort;

  size_t reads = 0;  // that wait; the loop's thread
};

// What both threads hold of a task.
struct LoopFiles::Question {
  const std::shared_ptr<Port> port;
  const std::string path;
  const bool is_read;
  FileEvents* events;  // null: cancelled; the loop's thread
};

class LoopFiles::Answer final : public FileSubscriber {
 public:
  explicit Answer(std::shared_ptr<Question> question) : x_question(std::move(question)) {}

  const std::string& path() const { return x_question->path; }

  void take(std::shared_ptr<const FileContent> content) override {
    x_question->port->post([question = x_question, content = std::move(content)] {
      if (question->is_read) --question->port->reads;
      if (question->events != nullptr) question->events->on_file(question->path, *content);
    });
  }

 private:
  const std::shared_ptr<Question> x_question;
};

// A read ends by itself, whoever still listens.
class LoopFiles::Read final : public FileTask {
 public:
  explicit Read(std::shared_ptr<Question> question) : x_question(std::move(question)) {}
  ~Read() override { x_question->events = nullptr; }

 private:
  const std::shared_ptr<Question> x_question;
};

class LoopFiles::Watch final : public FileTask {
 public:
  Watch(FileThread& thread, std::shared_ptr<Question> question, std::shared_ptr<Answer> answer)
      : x_thread(thread), x_question(std::move(question)), x_answer(std::move(answer)) {}
  ~Watch() override {
    x_question->events = nullptr;
    x_thread.post([answer = x_answer](FileThread::Watches& watches) {
      watches.remove(answer->path(), *answer);
    });
  }

 private:
  FileThread& x_thread;
  const std::shared_ptr<Question> x_question;
  const std::shared_ptr<Answer> x_answer;
};

LoopFiles::LoopFiles(Loop& loop, FileThread& thread)
    : x_thread(thread), x_port(std::make_shared<Port>(loop)) {}

LoopFiles::~LoopFiles() { x_port->close(); }

FileTaskPtr LoopFiles::read(const std::string& path, size_t bytes_max, FileEvents& events) {
  const auto question = std::make_shared<Question>(Question{x_port, path, true, &events});
  auto answer = std::make_shared<Answer>(question);
  if (++x_port->reads > kMaxReads) {
    answer->take(std::make_shared<const FileContent>(failure(path + ": the disk does not answer")));
  } else {
    x_thread.post([answer, bytes_max](FileThread::Watches& watches) {
      watches.read(answer->path(), bytes_max, *answer);
    });
  }
  return std::make_unique<Read>(question);
}

FileTaskPtr LoopFiles::watch(const std::string& path, FileEvents& events) {
  const auto question = std::make_shared<Question>(Question{x_port, path, false, &events});
  auto answer = std::make_shared<Answer>(question);
  x_thread.post([answer](FileThread::Watches& watches) { watches.add(answer->path(), answer); });
  return std::make_unique<Watch>(x_thread, question, std::move(answer));
}

}  // namespace outrigger::io
