puts Time.at(0), Time.at(0).zone, Time.local(2024, 7, 1).utc
