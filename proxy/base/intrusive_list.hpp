// A doubly linked list whose links live in the elements: no allocation, O(1) removal from anywhere,
// and an element that is destroyed leaves its list by itself. The list owns nothing. One thread.
#pragma once

#include "proxy/base/assert.hpp"

namespace outrigger {

// The Tag lets one object be in several lists.
template <class Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;
  ~ListNode() { unlink(); }

  bool is_linked() const { return x_next != nullptr; }

  void unlink() {
    if (!is_linked()) return;
    x_prev->x_next = x_next;
    x_next->x_prev = x_prev;
    x_prev = x_next = nullptr;
  }

 private:
  template <class T, class U>
  friend class List;
  ListNode* x_prev = nullptr;
  ListNode* x_next = nullptr;
};

template <class T, class Tag = void>
class List {
  using Node = ListNode<Tag>;

 public:
  List() { x_head.x_prev = x_head.x_next = &x_head; }
  ~List() {
    while (!empty()) front().Node::unlink();
    x_head.x_prev = x_head.x_next = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return x_head.x_next == &x_head; }
  T& front() { return element(x_head.x_next); }
  T& back() { return element(x_head.x_prev); }

  void push_back(T& item) { insert(item, *x_head.x_prev, x_head); }
  void push_front(T& item) { insert(item, x_head, *x_head.x_next); }

  // Keeps a list sorted that is; among equals the one that came first stays first. Looks from the
  // back.
  template <class Less>
  void insert_sorted(T& item, Less less) {
    Node* after = &x_head;
    while (after->x_prev != &x_head && less(item, element(after->x_prev))) after = after->x_prev;
    insert(item, *after->x_prev, *after);
  }

  // Requires: not empty.
  T& pop_front() {
    T& first = front();
    static_cast<Node&>(first).unlink();
    return first;
  }

  // Takes over every element of `other`, behind ours.
  void splice_back(List& other) {
    while (!other.empty()) push_back(other.pop_front());
  }

  // Calls visit(T&) for each; visit may unlink the element it was given.
  template <class F>
  void for_each(F visit) {
    for (Node* node = x_head.x_next; node != &x_head;) {
      Node* next = node->x_next;
      visit(element(node));
      node = next;
    }
  }

 private:
  static T& element(Node* node) { return static_cast<T&>(*node); }

  static void insert(T& item, Node& before, Node& after) {
    Node& node = item;
    OUTRIGGER_ASSERT(!node.is_linked());
    node.x_prev = &before;
    node.x_next = &after;
    before.x_next = &node;
    after.x_prev = &node;
  }

  Node x_head;
};

}  // namespace outrigger
