# A chat on Action Cable without the rest of Rails (Debian's ruby-actioncable), for `rackup cable.ru`.
require "logger"
require "active_support"
require "action_cable"

class ChatConnection < ActionCable::Connection::Base
end

class ChatChannel < ActionCable::Channel::Base
  def subscribed
    stream_from "chat"
  end

  def speak(data)
    ActionCable.server.broadcast "chat", { text: data["text"] }
  end
end

ActionCable.server.config.tap do |config|
  config.cable = { "adapter" => "async" }
  config.logger = Logger.new(IO::NULL)
  config.connection_class = -> { ChatConnection }
  config.disable_request_forgery_protection = true
  config.mount_path = "/cable"
end

map("/cable") { run ActionCable.server }
