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
  if (place.priority > 0) promotions_.emplace(now + ageing_, place);
  line_.emplace_hint(line_.end(), place, Waiting{std::move(task), &client});
}

void FairLine::Age(absl::Time now) {
  while (!promotions_.empty() && promotions_.begin()->first <= now) {
    const auto [due, place] = *promotions_.begin();
    promotions_.erase(promotions_.begin());
    auto node = line_.extract(place);
    // Taken since.
    if (node.empty()) continue;
    --node.key().priority;
    if (node.key().priority > 0) promotions_.emplace(due + ageing_, node.key());
    line_.insert(std::move(node));
  }
}

void FairLine::AdvanceBy(double cost) {
  if (line_.empty()) return;
  virtual_time_ = std::max(virtual_time_, line_.begin()->first.start) + cost / active_;
}

FairLine::Taken FairLine::Take(absl::Span<const Turn> turns) {
  Taken taken;
  taken.served.reserve(std::count(turns.begin(), turns.end(), Turn::kServe));
  auto at = line_.begin();
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
      if (--client->waiting == 0) --active_;
      if (!served) client->finish = std::max(virtual_time_, client->finish - task->work().cost);
      (served ? taken.served : taken.dropped).push_back(std::move(task));
    }
    // Neighbours at once: much quicker than one by one.
    at = line_.erase(first, at);
  }
  Forget();
  return taken;
}

void FairLine::Forget() {
  if (line_.empty()) {
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
