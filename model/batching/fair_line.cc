#include "model/batching/fair_line.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace radio {
namespace {

// Clients without waiting images that are remembered before a search for ones to forget.
constexpr size_t kMaxIdleClients = 64;

}  // namespace

void FairLine::Add(std::unique_ptr<Task> task, absl::Time now) {
  const Task::Work& work = task->work();
  Client& client = clients_[work.client];
  if (client.waiting++ == 0) ++active_;
  const Place place{work.priority, std::max(virtual_time_, client.finish), next_sequence_++};
  client.finish = place.start + work.cost;
  const uint64_t key = PartOf(work.image.size);
  if (place.priority > 0) promotions_.emplace(now + ageing_, Address{key, place});
  Part& part = parts_[key];
  part.cost += work.cost;
  part.bytes += work.bytes;
  part.line.emplace_hint(part.line.end(), place, Waiting{std::move(task), &client});
}

uint64_t FairLine::PartOf(Size size) const {
  if (mixed_sizes_) return 0;
  return static_cast<uint64_t>(size.height) << 32 | static_cast<uint32_t>(size.width);
}

void FairLine::Age(absl::Time now) {
  while (!promotions_.empty() && promotions_.begin()->first <= now) {
    const auto [due, address] = *promotions_.begin();
    promotions_.erase(promotions_.begin());
    const auto part = parts_.find(address.part);
    // Taken since.
    if (part == parts_.end()) continue;
    Line& line = part->second.line;
    auto node = line.extract(address.place);
    if (node.empty()) continue;
    --node.key().priority;
    if (node.key().priority > 0) {
      promotions_.emplace(due + ageing_, Address{address.part, node.key()});
    }
    line.insert(std::move(node));
  }
}

void FairLine::AdvanceBy(double cost, const Place& first) {
  virtual_time_ = std::max(virtual_time_, first.start) + cost / active_;
}

FairLine::Taken FairLine::Take(uint64_t key, absl::Span<const Turn> turns) {
  const auto it = parts_.find(key);
  Part& part = it->second;
  Line& line = part.line;
  double cost = 0;
  int64_t bytes = 0;
  Taken taken;
  taken.served.reserve(std::count(turns.begin(), turns.end(), Turn::kServe));
  auto at = line.begin();
  for (size_t i = 0; i < turns.size();) {
    if (turns[i] == Turn::kWait) {
      ++at;
      ++i;
      continue;
    }
    const auto first = at;
    for (; i < turns.size() && turns[i] != Turn::kWait; ++i, ++at) {
      auto& [task, client] = at->second;
      const bool served = turns[i] == Turn::kServe;
      cost += task->work().cost;
      bytes += task->work().bytes;
      if (--client->waiting == 0) --active_;
      if (!served) client->finish = std::max(virtual_time_, client->finish - task->work().cost);
      (served ? taken.served : taken.dropped).push_back(std::move(task));
    }
    // Neighbours at once: much quicker than one by one.
    at = line.erase(first, at);
  }
  part.cost -= cost;
  part.bytes -= bytes;
  // With it goes what is left of sums of doubles.
  if (line.empty()) parts_.erase(it);
  Forget();
  return taken;
}

void FairLine::Forget() {
  if (parts_.empty()) {
    clients_.clear();
    promotions_.clear();
    virtual_time_ = 0;
  } else if (clients_.size() > 2 * static_cast<size_t>(active_) + kMaxIdleClients) {
    for (auto it = clients_.begin(); it != clients_.end();) {
      // Whoever was served ahead of the others stays.
      const bool even = it->second.waiting == 0 && it->second.finish <= virtual_time_;
      it = even ? clients_.erase(it) : std::next(it);
    }
  }
}

}  // namespace radio
