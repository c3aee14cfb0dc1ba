"""What AWS answers, keeps or refuses, and moto does not."""
