function down() { down(); }
down();
